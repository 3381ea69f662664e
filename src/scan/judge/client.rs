//! Asking a judge: one request a question, tried again where that may help.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, sleep, sleep_until};

use super::budget::{Budget, Room, Tokens};
use super::config::{JudgeConfig, is_own};
use super::prompt::{Question, SYSTEM};
use super::retry::{Trouble, of_status, pause, retry_after};
use crate::base::digest::Digest;
use crate::base::text::one_line;

/// Most bytes of a reply.
const MAX_REPLY: usize = 1 << 20;
/// Characters kept of what a server says.
const MAX_WORDS: usize = 200;
/// After so many questions in a row that were given up, the judge is not asked any more: a run must not wait for days
/// for a server that is gone.
const MOST_FAILURES: u32 = 20;

/// What came back for a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reply {
    /// The model that answered.
    pub(super) model: String,
    /// Its words.
    pub(super) answer: String,
}

impl Reply {
    /// As it is kept.
    pub(super) fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// As it was kept.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// A judge's endpoint.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    config: JudgeConfig,
    budget: Budget,
    /// Told whenever a request is settled.
    settled: Notify,
    at_once: Semaphore,
    /// Before this nothing is sent: a server that wants less is asked less by all.
    not_before: Mutex<Instant>,
    /// Why it is not asked any more.
    given_up: OnceLock<String>,
    failures: AtomicU32,
    /// Whether anybody was ever there.
    reached: AtomicBool,
    /// Whether a question was ever answered.
    answered: AtomicBool,
}

impl Client {
    pub(super) fn new(config: &JudgeConfig) -> Result<Self, String> {
        // A second provider in the process would be a mistake of ours, and one is there already then.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("fumehood/", env!("CARGO_PKG_VERSION")))
            // A redirection would take key and code elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(config.timeout.min(Duration::from_secs(30)))
            .timeout(config.timeout);
        if reqwest::Url::parse(&config.url).is_ok_and(|url| is_own(&url)) {
            // A proxy would be another host.
            http = http.no_proxy();
        }
        let http = http
            .build()
            .map_err(|error| format!("no connections can be made: {}", chain(&error)))?;
        Ok(Self {
            http,
            budget: Budget::new(config.budget, config.price),
            settled: Notify::new(),
            at_once: Semaphore::new(config.at_once),
            not_before: Mutex::new(Instant::now()),
            given_up: OnceLock::new(),
            failures: AtomicU32::new(0),
            reached: AtomicBool::new(false),
            answered: AtomicBool::new(false),
            config: config.clone(),
        })
    }

    /// Tokens that were paid for.
    pub(super) fn spent(&self) -> Tokens {
        self.budget.spent()
    }

    /// The reply to a question.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn ask(&self, question: &Question) -> Result<Reply, String> {
        let _turn = self.at_once.acquire().await.map_err(|e| e.to_string())?;
        let about = Digest::of(&question.text);
        let mut number = 1;
        loop {
            if let Some(why) = self.given_up.get() {
                return Err(why.clone());
            }
            self.wait().await;
            let most = Budget::most(
                SYSTEM.len() + question.text.len(),
                self.config.answer_tokens,
            );
            let aside = self.set_aside(most).await?;
            let (outcome, cost) = self.send(question, most).await;
            aside.settle(cost);
            match outcome {
                Ok(reply) => {
                    self.failures.store(0, Ordering::Relaxed);
                    self.answered.store(true, Ordering::Relaxed);
                    return Ok(reply);
                }
                // Who answered others refuses this one; a program must not end the asking for all.
                Err(Trouble::Refused(why)) if self.answered.load(Ordering::Relaxed) => {
                    return Err(self.failed(why, number));
                }
                Err(Trouble::Question(why)) => return Err(why),
                Err(Trouble::Judge(why) | Trouble::Refused(why)) => {
                    let why = format!("the judge is not asked any more: {why}");
                    return Err(self.given_up.get_or_init(|| why).clone());
                }
                Err(Trouble::Passing(why, asked)) => {
                    if number >= self.config.tries {
                        return Err(self.failed(why, number));
                    }
                    let pause = pause(number, self.config.pause, &about, asked);
                    if asked.is_some() {
                        self.hold(pause);
                    }
                    sleep(pause).await;
                    number += 1;
                }
            }
        }
    }

    /// Sets aside what a request may cost, waiting for others to be settled while that may help.
    async fn set_aside(&self, most: Tokens) -> Result<Aside<'_>, String> {
        loop {
            let settled = self.settled.notified();
            match self.budget.reserve(most) {
                Room::Granted => {
                    return Ok(Aside {
                        client: self,
                        most,
                        cost: most,
                    });
                }
                Room::Later => settled.await,
                Room::None(why) => return Err(why),
            }
        }
    }

    /// A question is given up.
    fn failed(&self, why: String, tries: u32) -> String {
        let why = format!("{why} ({tries} tries)");
        if self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= MOST_FAILURES {
            let last = format!(
                "the judge is not asked any more after {MOST_FAILURES} failures in a row: {why}"
            );
            self.given_up.get_or_init(|| last);
        }
        why
    }

    fn hold(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut not_before = self
            .not_before
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *not_before = until.max(*not_before);
    }

    async fn wait(&self) {
        loop {
            let until = *self
                .not_before
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }

    /// Asks once. What it cost comes with it; what may have been charged counts as if it was.
    async fn send(&self, question: &Question, most: Tokens) -> (Result<Reply, Trouble>, Tokens) {
        let none = Tokens::default();
        let answered = match self.exchange(question).await {
            Ok(answered) => answered,
            Err(error) => {
                if error.is_connect() && !self.reached.load(Ordering::Relaxed) {
                    // Not a server that is down, but an address that is wrong.
                    let why = format!("nobody answers there: {}", chain(&error.without_url()));
                    return (Err(Trouble::Judge(why)), none);
                }
                let cost = if error.is_connect() { none } else { most };
                return (
                    Err(Trouble::Passing(chain(&error.without_url()), None)),
                    cost,
                );
            }
        };
        self.reached.store(true, Ordering::Relaxed);
        let Some(bytes) = answered.bytes else {
            return (
                Err(Trouble::Question("the reply is too long".to_owned())),
                most,
            );
        };
        if answered.status != 200 {
            let said = words(&bytes);
            let trouble = of_status(answered.status, answered.retry_after, &said);
            return (Err(trouble), none);
        }
        match serde_json::from_slice::<Completion>(&bytes) {
            Ok(completion) => {
                let usage = completion.usage.as_ref();
                let cost = usage.map_or(most, |usage| Tokens {
                    input: usage.prompt_tokens,
                    output: usage.completion_tokens,
                });
                (completion.reply(), cost)
            }
            Err(error) => {
                let said = one_line(&String::from_utf8_lossy(&bytes), 60);
                let why = format!("the reply is not what it should be: {error}, in \"{said}\"");
                let why = one_line(&why, MAX_WORDS);
                (Err(Trouble::Passing(why, None)), most)
            }
        }
    }

    async fn exchange(&self, question: &Question) -> Result<Answered, reqwest::Error> {
        let body = json!({
            "model": self.config.model,
            "messages": [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": question.text},
            ],
            "temperature": 0,
            "max_tokens": self.config.answer_tokens,
            "stream": false,
        });
        let url = format!("{}/chat/completions", self.config.url);
        let mut request = self.http.post(url).json(&body);
        if let Some(key) = &self.config.key {
            request = request.bearer_auth(&key.0);
        }
        let mut response = request.send().await?;
        let header = response.headers().get("retry-after");
        let retry_after = header.and_then(|header| retry_after(header.to_str().ok()?));
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if bytes.len() + chunk.len() > MAX_REPLY {
                return Ok(Answered {
                    status,
                    retry_after,
                    bytes: None,
                });
            }
            bytes.extend_from_slice(&chunk);
        }
        if let Some(key) = &self.config.key {
            bytes = without(&bytes, &key.0);
        }
        Ok(Answered {
            status,
            retry_after,
            bytes: Some(bytes),
        })
    }
}

/// `bytes` without the key, which servers repeat in their errors: what they say is written down.
fn without(bytes: &[u8], key: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    text.replace(key, "[key]").into_bytes()
}

/// What is set aside for a request. One that is dropped on its way may have been charged.
struct Aside<'a> {
    client: &'a Client,
    most: Tokens,
    cost: Tokens,
}

impl Aside<'_> {
    fn settle(mut self, cost: Tokens) {
        self.cost = cost;
    }
}

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        self.client.budget.settle(self.most, self.cost);
        self.client.settled.notify_waiters();
    }
}

/// What came back over the wire.
struct Answered {
    status: u16,
    retry_after: Option<Duration>,
    /// `None` if there is too much of it.
    bytes: Option<Vec<u8>>,
}

#[derive(Deserialize)]
struct Completion {
    model: String,
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
}

impl Completion {
    fn reply(self) -> Result<Reply, Trouble> {
        let none = |why: &str| Trouble::Question(format!("there is no answer: {why}"));
        let choice = self
            .choices
            .into_iter()
            .next()
            .ok_or_else(|| none("no choice"))?;
        if let Some(reason) = choice.finish_reason.filter(|reason| reason != "stop") {
            let reason = one_line(&reason, 40);
            return Err(none(&format!("it ended by `{reason}`")));
        }
        let answer = choice.message.content.ok_or_else(|| none("no content"))?;
        Ok(Reply {
            model: one_line(&self.model, 80),
            answer,
        })
    }
}

/// What a server says of an error: the message of the protocol's error, else its beginning.
fn words(bytes: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Said {
        error: serde_json::Value,
    }
    let text = match serde_json::from_slice::<Said>(bytes) {
        Ok(said) => said.error.to_string(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    };
    one_line(&text, MAX_WORDS)
}

/// An error with its causes, which say what the first words leave out.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    one_line(&text, MAX_WORDS)
}
