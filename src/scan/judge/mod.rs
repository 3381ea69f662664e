//! A judge: a language model that is asked whether code is vulnerable, over any endpoint that speaks OpenAI's chat
//! protocol. It runs nothing and is run nowhere here; what it says is as little trusted as any scanner's output.
//!
//! `config` says whom to ask, `prompt` what, `answer` reads the reply, `budget` counts what it costs, `retry` says
//! when to try again, `client` asks.

mod answer;
mod budget;
mod client;
pub mod config;
mod prompt;
mod retry;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::task::JoinSet;

pub use config::JudgeConfig;

use super::FileOutcome;
use super::cache::Cache;
use super::staging::KNOWN;
use crate::base::digest::Digest;
use client::Client;

/// A judge that answered as it should to the known questions.
#[derive(Debug)]
pub struct Judge {
    config: JudgeConfig,
    client: Client,
    /// What it calls itself.
    model: String,
    cache: Option<Arc<Cache>>,
}

/// What `answer` would say about `code` as a judge's answer.
pub fn meaning(answer: &str, code: &str) -> FileOutcome {
    answer::read(answer, &prompt::question(code))
}

impl Judge {
    /// Asks about weak code and about clean code, whose answers are known.
    ///
    /// # Errors
    /// When it cannot be asked, or answers wrongly.
    pub async fn prepare(config: JudgeConfig, cache: Option<Arc<Cache>>) -> Result<Self, String> {
        let client = Client::new(&config)?;
        let mut judge = Self {
            config,
            client,
            model: String::new(),
            cache,
        };
        for ((name, code), is_weak) in KNOWN.into_iter().zip([true, false]) {
            // Asked each time, since it may be another model today.
            let (reply, outcome) = judge.ask_anew(&prompt::question(code)).await?;
            if !judge.model.is_empty() && judge.model != reply {
                return Err(format!("two models answer, {} and {reply}", judge.model));
            }
            judge.model = reply;
            if let Some(why) = outcome.not_analysed {
                return Err(format!("its answer on {name} is no answer: {why}"));
            }
            match (is_weak, outcome.findings.is_empty()) {
                (true, true) => return Err("it did not flag code that is known to be weak".into()),
                (false, false) => return Err("it flagged code that is known to be clean".into()),
                _ => {}
            }
        }
        Ok(judge)
    }

    /// The model, as it calls itself, and the version of the prompt.
    pub fn version(&self) -> String {
        format!("{} (prompt {})", self.model, prompt::VERSION)
    }

    /// What was paid, in words.
    pub fn cost(&self) -> String {
        let tokens = self.client.spent();
        let words = format!("{} tokens in and {} out", tokens.input, tokens.output);
        match &self.config.price {
            Some(price) => format!("{words}, {:.2} USD", price.of(tokens)),
            None => words,
        }
    }

    /// Identity of everything that decides its answers, as far as anybody can know that.
    pub fn digest(&self) -> Digest {
        let asked = self.config.asked();
        Digest::of_parts([asked.as_bytes().as_slice(), self.model.as_bytes()])
    }

    /// What it says about each of these programs. Requests run side by side.
    pub async fn scan(self: &Arc<Self>, codes: &[(Digest, &str)]) -> HashMap<Digest, FileOutcome> {
        let mut outcomes = HashMap::new();
        let mut tasks = JoinSet::new();
        for (digest, code) in codes {
            if outcomes
                .insert(*digest, FileOutcome::unknown("it was not asked"))
                .is_some()
            {
                continue;
            }
            let (judge, digest, code) = (Arc::clone(self), *digest, (*code).to_owned());
            tasks.spawn(async move { (digest, judge.outcome(&code).await) });
        }
        while let Some(done) = tasks.join_next().await {
            // A task that panicked leaves its program unknown.
            if let Ok((digest, outcome)) = done {
                outcomes.insert(digest, outcome);
            }
        }
        outcomes
    }

    async fn outcome(&self, code: &str) -> FileOutcome {
        match self.ask(code).await {
            Ok((model, outcome)) if model == self.model => outcome,
            Ok((model, _)) => FileOutcome::unknown(&format!(
                "another model answered: {model}, not {}",
                self.model
            )),
            Err(why) => FileOutcome::unknown(&why),
        }
    }

    /// The model that answered, and what its answer means. Answers are kept at once: each has been paid for.
    async fn ask(&self, code: &str) -> Result<(String, FileOutcome), String> {
        let question = prompt::question(code);
        let about = Digest::of(&question.text);
        let kept = match &self.cache {
            Some(cache) => cache
                .get(self.config.asked(), vec![about])
                .await
                .remove(&about),
            None => None,
        };
        let kept = kept.and_then(|kept| client::Reply::read(&kept));
        // What another model said once is no answer of this one.
        match kept.filter(|reply| reply.model == self.model) {
            Some(reply) => Ok((reply.model, answer::read(&reply.answer, &question))),
            None => self.ask_anew(&question).await,
        }
    }

    async fn ask_anew(&self, question: &prompt::Question) -> Result<(String, FileOutcome), String> {
        let reply = self.client.ask(question).await?;
        let outcome = answer::read(&reply.answer, question);
        let is_answer = outcome.not_analysed.is_none();
        let is_expected = self.model.is_empty() || reply.model == self.model;
        if let (Some(cache), true) = (&self.cache, is_answer && is_expected) {
            let kept = (Digest::of(&question.text), reply.write());
            cache.put(self.config.asked(), vec![kept]).await;
        }
        Ok((reply.model, outcome))
    }
}
