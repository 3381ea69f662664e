//! A server on the loopback that speaks OpenAI's chat protocol as far as judges need it, and misbehaves as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// A question as it came.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// How many came before it.
    pub(super) number: usize,
    pub(super) head: String,
    pub(super) body: Value,
    pub(super) id: String,
    pub(super) code: String,
}

/// What is sent back.
pub(super) enum Answer {
    /// A status, further header lines, and a body.
    Http(u16, &'static str, String),
    /// The same, after some time.
    Late(Duration, Box<Answer>),
    /// Only the beginning of it.
    Cut(Box<Answer>),
    /// Nothing: the connection is closed.
    Nothing,
}

pub(super) struct Server {
    pub(super) url: String,
    pub(super) asked: Arc<Mutex<Vec<Asked>>>,
    /// The most questions under way at one time.
    pub(super) most: Arc<AtomicUsize>,
}

impl Server {
    pub(super) fn start(behave: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            url: format!("http://{}/v1", listener.local_addr().unwrap()),
            asked: Arc::default(),
            most: Arc::default(),
        };
        let (asked, most, now) = (
            Arc::clone(&server.asked),
            Arc::clone(&server.most),
            Arc::new(AtomicUsize::new(0)),
        );
        let behave = Arc::new(behave);
        // It ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (asked, most, now, behave) = (
                    Arc::clone(&asked),
                    Arc::clone(&most),
                    Arc::clone(&now),
                    Arc::clone(&behave),
                );
                thread::spawn(move || {
                    let Some(question) = read(&stream, &asked) else {
                        return;
                    };
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let answer = behave(&question);
                    let bytes = wire(answer);
                    now.fetch_sub(1, Ordering::SeqCst);
                    // Who asked may be gone.
                    let _ = (&stream).write_all(&bytes);
                });
            }
        });
        server
    }

    pub(super) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn read(stream: &TcpStream, all: &Mutex<Vec<Asked>>) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.to_ascii_lowercase();
    let length = length
        .split("content-length:")
        .nth(1)?
        .lines()
        .next()?
        .trim()
        .parse()
        .ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body: Value = serde_json::from_slice(&body).ok()?;
    let text = body["messages"][1]["content"].as_str()?.to_owned();
    let id = text.strip_prefix("Review ")?.split('.').next()?.to_owned();
    let fence = format!("===== {id} =====\n");
    let code = text.split(&fence).nth(1)?.to_owned();
    let mut all = all.lock().unwrap();
    let question = Asked {
        number: all.len(),
        head,
        body,
        id,
        code,
    };
    all.push(question.clone());
    Some(question)
}

fn wire(answer: Answer) -> Vec<u8> {
    match answer {
        Answer::Http(status, more, body) => {
            let length = body.len();
            format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\n{more}content-length: {length}\r\n\r\n{body}"
            )
            .into_bytes()
        }
        Answer::Late(time, answer) => {
            thread::sleep(time);
            wire(*answer)
        }
        Answer::Cut(answer) => {
            let bytes = wire(*answer);
            bytes[..bytes.len() - 9].to_vec()
        }
        Answer::Nothing => Vec::new(),
    }
}

/// A completion with these words.
pub(super) fn says(model: &str, words: &str, finish: &str) -> Answer {
    let body = json!({
        "id": "x", "object": "chat.completion", "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": words}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 300, "completion_tokens": 20, "total_tokens": 320},
    });
    Answer::Http(200, "", body.to_string())
}

/// What an honest judge says that takes calls of `os.system` and `eval` for vulnerabilities.
pub(super) fn words(asked: &Asked) -> String {
    let mut findings = Vec::new();
    for (number, line) in asked.code.lines().enumerate() {
        for (call, cwe) in [("os.system(", 78), ("eval(", 95)] {
            if line.contains(call) {
                findings.push(
                    json!({"cwe": cwe, "line": number + 1, "reason": format!("it calls {call}")}),
                );
            }
        }
    }
    json!({"review": asked.id, "vulnerable": !findings.is_empty(), "findings": findings})
        .to_string()
}

/// The same as a reply.
pub(super) fn honest(asked: &Asked) -> Answer {
    says("tested-1", &words(asked), "stop")
}
