//! Exercise 9 - asking twice
//!
//! A client that numbers its requests, and makes nothing of it: it asks once,
//! waits for ever, and takes whatever comes for the answer. On a good day that
//! is enough. Its server at port 7009 echoes each datagram: the request
//! `1|hello` has the answer `1|hello`, of which `hello` is printed.
//!
//! `lab check 9` runs it, types its lines, and plays the server. To do that
//! yourself, run the demo with `server` in one shell and this with `client`
//! in another: that server loses the first request.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7009);

fn main() -> ExitCode {
    finish(role_of(["client"]).and_then(|_| client()))
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    let mut id = 0;
    while let Some(line) = input("")? {
        id += 1;

        // TODO: A request that is not answered within 200 milliseconds is
        // sent again, and a third time after 400 more; when another 800 have
        // passed, the client prints `no answer` and goes on with the next
        // line. Only the answer with the request's own number counts. What
        // else comes, and a signal (EINTR), neither uses up a try nor makes
        // the client wait any longer. If nobody is there, that is no answer.
        sendto(&sock, format!("{id}|{line}").as_bytes(), SERVER)?;
        let mut buf = [0; 1024];
        let n = recv(&sock, &mut buf)?;
        let (_, answer) = text(&buf[..n])?.split_once('|').unwrap_or_default();
        println!("{answer}");
    }
    close(sock)
}
