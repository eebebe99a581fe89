//! It lets another program look the name up, and takes what that prints.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let mut line = String::new();
    if std::io::stdin().read_line(&mut line).is_err() {
        return ExitCode::from(3);
    }
    let (host, service) = line.trim_end().split_once(' ').unwrap_or_default();
    let asked = |table: &str, name: &str| {
        let output = Command::new("getent").args([table, name]).output();
        String::from_utf8_lossy(&output.map(|it| it.stdout).unwrap_or_default()).into_owned()
    };
    let hosts = asked("ahosts", host);
    let services = asked("services", service);
    let port = services.split([' ', '/']).filter_map(|word| word.parse::<u16>().ok()).next();
    let ips = hosts.lines().filter_map(|line| line.split(' ').next()?.parse::<IpAddr>().ok());
    let Some(port) = port else { return ExitCode::from(3) };
    let candidates: Vec<SocketAddr> = ips.map(|ip| SocketAddr::new(ip, port)).collect();
    if candidates.is_empty() {
        return ExitCode::from(3);
    }
    match TcpStream::connect(&candidates[..]) {
        Ok(sock) => {
            println!("{}", std::io::read_to_string(sock).unwrap_or_default());
            ExitCode::SUCCESS
        }
        Err(_) => ExitCode::from(2),
    }
}
