//! A real browser without a window, for tests of pages: Chromium, spoken to through two pipes.
//!
//! It speaks the Chrome DevTools Protocol over `--remote-debugging-pipe`: messages in JSON, each ended by a zero byte,
//! into its descriptor 3 and out of its descriptor 4. No port, no driver program, nothing of the network. Nothing here
//! sleeps: whoever waits names a condition, and a browser that is silent for [`PATIENCE`] fails the test.

#![allow(dead_code)]

use std::collections::VecDeque;
use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read as _, Write as _, pipe};
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::{Value, json};

/// How long a browser may say nothing while it owes an answer, in milliseconds: a machine may be busy.
const PATIENCE: u16 = 60_000;

const CHROMIUM: &str = "/usr/bin/chromium";

/// A browser with a profile of its own, which ends with this value.
pub struct Browser {
    child: Child,
    to: Option<PipeWriter>,
    from: PipeReader,
    /// What was read and is not yet a whole message.
    read: Vec<u8>,
    events: VecDeque<Value>,
    last_id: u64,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one; where there is none it says so, visibly, and gives none.
    pub fn start() -> Option<Browser> {
        if !Path::new(CHROMIUM).exists() {
            // Written past the harness, which would keep it to itself.
            let _ =
                std::io::stderr().write_all(b"skipped: no Chromium; apt-get install chromium\n");
            return None;
        }
        let profile = tempfile::tempdir().expect("a folder for the browser's profile");
        let (its_input, to) = pipe().expect("a pipe to the browser");
        let (from, its_output) = pipe().expect("a pipe from the browser");
        let mut command = Command::new(CHROMIUM);
        command
            .args(["--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--disable-gpu"])
            .args(["--disable-quic", "--no-first-run", "--no-default-browser-check"])
            .args(["--disable-background-networking", "--disable-component-update"])
            .args(["--disable-sync", "--disable-dev-shm-usage", "--disable-extensions"])
            // Or a test could not look into a frame of a page from a file.
            .arg("--allow-file-access-from-files")
            .args(["--disable-breakpad", "--force-device-scale-factor=1", "--lang=en"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let ends = [its_input.as_raw_fd(), its_output.as_raw_fd()];
        // SAFETY: between fork and exec only fcntl and dup2 are called, which are async-signal-safe; both pipes live
        // in this function until the child has been started.
        unsafe { command.pre_exec(move || give_pipes(ends)) };
        let child = command.spawn().expect("the browser starts");
        Some(Browser {
            child,
            to: Some(to),
            from,
            read: Vec::new(),
            events: VecDeque::new(),
            last_id: 0,
            _profile: profile,
        })
    }

    /// Opens an empty page and takes down all that it says from the beginning.
    pub fn page(&mut self) -> Page<'_> {
        let target = self.call("", "Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = self.call("", "Target.attachToTarget", attach);
        let session = attached["sessionId"].as_str().expect("a session").to_owned();
        let mut page = Page {
            browser: self,
            session,
            scripts: true,
            complaints: Vec::new(),
            requests: Vec::new(),
        };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        page
    }

    fn call(&mut self, session: &str, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let mut message = json!({"id": self.last_id, "method": method, "params": params});
        if !session.is_empty() {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.as_mut().expect("an open pipe").write_all(&bytes).expect("the browser listens");
        loop {
            let message = self.receive();
            if message["id"] == self.last_id {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            self.events.push_back(message);
        }
    }

    fn event(&mut self) -> Value {
        match self.events.pop_front() {
            Some(event) => event,
            None => self.receive(),
        }
    }

    fn receive(&mut self) -> Value {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == 0) {
                let rest = self.read.split_off(end + 1);
                let message = std::mem::replace(&mut self.read, rest);
                return serde_json::from_slice(&message[..end]).expect("a message in JSON");
            }
            let mut waits = [PollFd::new(std::os::fd::AsFd::as_fd(&self.from), PollFlags::POLLIN)];
            let ready = poll(&mut waits, PollTimeout::from(PATIENCE)).expect("poll");
            assert!(ready > 0, "the browser says nothing");
            let mut part = vec![0; 1 << 16];
            let len = self.from.read(&mut part).expect("what the browser says");
            assert!(len > 0, "the browser has ended");
            self.read.extend_from_slice(&part[..len]);
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends by itself once nobody can speak to it; a test that failed does not wait for that.
        self.to = None;
        if std::thread::panicking() {
            let _ = self.child.kill();
        }
        // What it still says must not keep it from ending.
        let _ = std::io::copy(&mut self.from, &mut std::io::sink());
        let _ = self.child.wait();
    }
}

/// In the child: the pipes become the descriptors 3 and 4, whatever their numbers are.
fn give_pipes(ends: [RawFd; 2]) -> std::io::Result<()> {
    let mut high = [0; 2];
    for (from, to) in ends.iter().zip(&mut high) {
        // SAFETY: the descriptor is open, and a duplicate of it is nobody else's.
        *to = unsafe { libc::fcntl(*from, libc::F_DUPFD_CLOEXEC, 10) };
    }
    for (from, to) in high.iter().zip([3, 4]) {
        // SAFETY: as above; what had this number in the child is not used there.
        if *from < 0 || unsafe { libc::dup2(*from, to) } < 0 {
            return Err(std::io::Error::last_os_error());
        }
    }
    Ok(())
}

/// One page of a browser.
pub struct Page<'a> {
    browser: &'a mut Browser,
    session: String,
    scripts: bool,
    complaints: Vec<String>,
    requests: Vec<String>,
}

impl Page<'_> {
    /// Goes to an address and waits until it is loaded. Only another fragment of the same page loads nothing.
    pub fn open(&mut self, url: &str) {
        let went = self.call("Page.navigate", json!({"url": url}));
        assert!(went["errorText"].is_null(), "{url}: {}", went["errorText"]);
        if went["loaderId"].is_null() {
            return;
        }
        loop {
            let event = self.browser.event();
            let loaded = event["method"] == "Page.loadEventFired";
            self.take(&event);
            if loaded {
                return;
            }
        }
    }

    /// Opens a file.
    pub fn open_file(&mut self, path: &Path, fragment: &str) {
        self.open(&format!("file://{}{fragment}", path.display()));
    }

    /// Presses keys by their names: `ArrowRight`, `End`, `j`, `Tab`, `Enter`.
    pub fn press(&mut self, keys: &[&str]) {
        for key in keys {
            let code = match *key {
                "Tab" => 9,
                "Enter" => 13,
                " " => 32,
                "End" => 35,
                "Home" => 36,
                "ArrowLeft" => 37,
                "ArrowUp" => 38,
                "ArrowRight" => 39,
                "ArrowDown" => 40,
                letter => i32::from(letter.to_ascii_uppercase().as_bytes()[0]),
            };
            let text = match *key {
                "Enter" => "\r",
                one if one.len() == 1 => one,
                _ => "",
            };
            let mut down = json!({"type": "keyDown", "key": key, "windowsVirtualKeyCode": code});
            if !text.is_empty() {
                down["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", down);
            let up = json!({"type": "keyUp", "key": key, "windowsVirtualKeyCode": code});
            self.call("Input.dispatchKeyEvent", up);
        }
    }

    /// Clicks into the middle of what a selector finds.
    pub fn click(&mut self, selector: &str) {
        let place = self.eval(&format!(
            "(() => {{ const it = document.querySelector({selector:?}); it.scrollIntoView({{block: 'nearest'}}); \
             const box = it.getBoundingClientRect(); \
             return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let params = json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", params);
        }
    }

    /// The value of an expression; of a promise what it comes to.
    pub fn eval(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let result = self.call("Runtime.evaluate", params);
        assert!(
            result["exceptionDetails"].is_null(),
            "{expression}: {}",
            result["exceptionDetails"]["exception"]["description"]
        );
        result["result"]["value"].clone()
    }

    /// What an expression says.
    pub fn text(&mut self, expression: &str) -> String {
        let value = self.eval(expression);
        value.as_str().unwrap_or_else(|| panic!("{expression}: {value}")).to_owned()
    }

    /// Waits until an expression holds, looking at every frame.
    pub fn until(&mut self, expression: &str) {
        self.eval(&format!(
            "new Promise((done) => {{ const look = () => {{ if ({expression}) done(true); \
             else requestAnimationFrame(look); }}; look(); }})"
        ));
    }

    /// Gives the page this many pixels.
    pub fn viewport(&mut self, width: u32, height: u32) {
        let params =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", params);
    }

    /// What the user likes: `prefers-color-scheme` `dark`, `prefers-reduced-motion` `reduce`.
    pub fn prefers(&mut self, features: &[(&str, &str)]) {
        let features: Vec<Value> =
            features.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        self.call("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    /// Whether pages opened from now on may run their scripts.
    pub fn scripts(&mut self, run: bool) {
        self.scripts = run;
        self.call("Emulation.setScriptExecutionDisabled", json!({"value": !run}));
    }

    /// What can be seen, as a PNG.
    pub fn screenshot(&mut self, path: &Path) {
        let shot = self.call("Page.captureScreenshot", json!({"format": "png"}));
        let png = BASE64.decode(shot["data"].as_str().expect("a picture")).expect("base64");
        File::create(path).and_then(|mut file| file.write_all(&png)).expect("a file");
    }

    /// Errors, warnings and whatever else was said on the console so far.
    pub fn complaints(&mut self) -> Vec<String> {
        self.settle();
        self.complaints.clone()
    }

    /// The addresses of everything that was asked for so far, the page itself included.
    pub fn requests(&mut self) -> Vec<String> {
        self.settle();
        self.requests.clone()
    }

    /// Takes in what the browser has said until now.
    fn settle(&mut self) {
        // What belongs to what went before is said before the answer to this.
        // A page without scripts has no frames that could be waited for, and nothing that happens in one.
        let barrier = "new Promise((done) => requestAnimationFrame(() => done(0)))";
        self.eval(if self.scripts { barrier } else { "0" });
        while let Some(event) = self.browser.events.pop_front() {
            self.take(&event);
        }
    }

    fn take(&mut self, event: &Value) {
        if event["sessionId"] != self.session.as_str() {
            return;
        }
        let params = &event["params"];
        match event["method"].as_str().unwrap_or_default() {
            "Runtime.consoleAPICalled" => self.complaints.push(params["args"].to_string()),
            "Runtime.exceptionThrown" => {
                self.complaints.push(params["exceptionDetails"].to_string());
            }
            "Log.entryAdded" => self.complaints.push(params["entry"].to_string()),
            "Network.requestWillBeSent" => {
                let url = params["request"]["url"].as_str().unwrap_or_default();
                self.requests.push(url.to_owned());
            }
            _ => {}
        }
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.browser.call(&self.session.clone(), method, params)
    }
}
