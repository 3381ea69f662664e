//! Whom to ask: judges by name, as users write them down.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use super::prompt;
use crate::base::digest::Digest;

/// The variable that names the endpoint of judges that are not written down.
pub const URL_VARIABLE: &str = "FUMEHOOD_JUDGE_URL";
/// The variable that holds its key.
pub const KEY_VARIABLE: &str = "FUMEHOOD_JUDGE_KEY";

/// The judges of the paper that fumehood comes from, by names of ours.
pub const PRESETS: [(&str, &str); 2] = [
    ("qwen2.5-72b", "Qwen/Qwen2.5-72B-Instruct"),
    ("llama-3.3-70b", "meta-llama/Llama-3.3-70B-Instruct"),
];

/// What a judge may cost in one run; no bound where there is no number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allowance {
    /// Tokens in and out together.
    pub tokens: Option<u64>,
    /// Money in USD, by the judge's price.
    pub usd: Option<f64>,
}

/// USD for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Of the question.
    pub input: f64,
    /// Of the answer.
    pub output: f64,
}

/// A key, which is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(pub(super) String);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// A judge that can be asked.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgeConfig {
    /// Its name in results: `judge:` and what it is called.
    pub name: String,
    /// What the endpoint calls the model.
    pub model: String,
    /// The endpoint, such as `http://localhost:8000/v1`.
    pub url: String,
    /// What it is paid with.
    pub key: Option<Key>,
    /// What it costs.
    pub price: Option<Price>,
    /// What it may cost.
    pub budget: Allowance,
    /// Most tokens of an answer.
    pub answer_tokens: u32,
    /// Requests at one time.
    pub at_once: usize,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How often a question is asked at most.
    pub tries: u32,
    /// How long to wait before the second time; then twice as long each time.
    pub pause: Duration,
}

impl JudgeConfig {
    /// Identity of what is asked, but for the code: endpoint, model, prompt, settings.
    pub(super) fn asked(&self) -> Digest {
        let (version, tokens) = (prompt::VERSION.to_string(), self.answer_tokens.to_string());
        let parts = [
            "judge",
            &self.url,
            &self.model,
            &version,
            prompt::SYSTEM,
            &tokens,
        ];
        Digest::of_parts(parts.map(str::as_bytes))
    }
}

/// Judges that a user wrote down, by name.
#[derive(Clone, Debug, Default)]
pub struct Judges(BTreeMap<String, Written>);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    judge: BTreeMap<String, Written>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    model: Option<String>,
    url: Option<String>,
    key_variable: Option<String>,
    price: Option<Price>,
    #[serde(default)]
    budget: Allowance,
    answer_tokens: Option<u32>,
    at_once: Option<usize>,
    timeout_seconds: Option<f64>,
    tries: Option<u32>,
    pause_seconds: Option<f64>,
}

impl Judges {
    /// Reads TOML with a table `[judge.NAME]` for each.
    ///
    /// # Errors
    /// What is wrong, with the line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        Ok(Self(file.judge))
    }

    /// The judge of that name: written down, or one of [`PRESETS`], or any model of the endpoint that `variable`
    /// names as [`URL_VARIABLE`].
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn named(
        &self,
        name: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<JudgeConfig, String> {
        let written = self.0.get(name).cloned().unwrap_or_default();
        let preset = PRESETS.iter().find(|(known, _)| *known == name);
        let preset = preset.map_or(name, |(_, model)| model);
        // The key of the one endpoint is not shown to any other.
        let is_usual = written.url.is_none();
        let url = written
            .url
            .or_else(|| variable(URL_VARIABLE))
            .ok_or_else(|| {
                format!(
                    "no endpoint is known: set {URL_VARIABLE}, or write `url` for it (--judges)"
                )
            })?;
        let key = match &written.key_variable {
            Some(named) => Some(variable(named).ok_or_else(|| format!("{named} holds no key"))?),
            None if is_usual => variable(KEY_VARIABLE),
            None => None,
        };
        let key = key.filter(|key| !key.is_empty()).map(Key);
        check_url(&url, key.is_some())?;
        if written.budget.usd.is_some() && written.price.is_none() {
            return Err("a budget in USD needs its `price`".to_owned());
        }
        let prices = written
            .price
            .iter()
            .flat_map(|price| [price.input, price.output]);
        if prices
            .chain(written.budget.usd)
            .any(|usd| !usd.is_finite() || usd < 0.0)
        {
            return Err("prices and budgets are numbers from 0".to_owned());
        }
        Ok(JudgeConfig {
            name: format!("judge:{name}"),
            model: written.model.unwrap_or_else(|| preset.to_owned()),
            url: url.trim_end_matches('/').to_owned(),
            key,
            price: written.price,
            budget: written.budget,
            answer_tokens: written.answer_tokens.unwrap_or(1024).max(1),
            at_once: written.at_once.unwrap_or(8).clamp(1, 1024),
            timeout: seconds("timeout_seconds", written.timeout_seconds, 120.0)?,
            tries: written.tries.unwrap_or(8).clamp(1, 100),
            pause: seconds("pause_seconds", written.pause_seconds, 1.0)?,
        })
    }
}

fn seconds(name: &str, written: Option<f64>, usual: f64) -> Result<Duration, String> {
    let seconds = written.unwrap_or(usual);
    match seconds > 0.0 && seconds <= 3600.0 {
        true => Ok(Duration::from_secs_f64(seconds)),
        false => Err(format!("`{name}` must be above 0 and at most 3600")),
    }
}

/// Whether an endpoint is on this host.
pub(super) fn is_own(url: &reqwest::Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

/// A key never travels in the clear, but to this host.
fn check_url(url: &str, has_key: bool) -> Result<(), String> {
    let parsed = reqwest::Url::parse(url).map_err(|error| format!("its url is none: {error}"))?;
    if !["http", "https"].contains(&parsed.scheme()) || parsed.host_str().is_none() {
        return Err("its url must begin with http:// or https://".to_owned());
    }
    if !parsed.username().is_empty() || parsed.password().is_some() || parsed.query().is_some() {
        return Err(
            "its url must hold no user, password or query; keys come in a variable".to_owned(),
        );
    }
    if parsed.scheme() == "http" && has_key && !is_own(&parsed) {
        return Err("its key would travel in the clear: use https, or no key".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(_: &str) -> Option<String> {
        None
    }

    fn of(text: &str, name: &str) -> Result<JudgeConfig, String> {
        let keys = |variable: &str| (variable == "KEY").then(|| "secret".to_owned());
        Judges::parse(text).and_then(|judges| judges.named(name, keys))
    }

    #[test]
    fn judges_are_presets_or_written_down_or_models_of_one_endpoint() {
        let endpoint = |variable: &str| match variable {
            URL_VARIABLE => Some("http://localhost:8000/v1/".to_owned()),
            KEY_VARIABLE => Some("secret".to_owned()),
            _ => None,
        };
        let judges = Judges::default();
        let preset = judges.named("qwen2.5-72b", endpoint).unwrap();
        assert_eq!(preset.name, "judge:qwen2.5-72b");
        assert_eq!(preset.model, "Qwen/Qwen2.5-72B-Instruct");
        assert_eq!(preset.url, "http://localhost:8000/v1");
        assert!(!format!("{preset:?}").contains("secret"));
        let other = judges.named("my/model", endpoint).unwrap();
        assert_eq!(
            (&*other.name, &*other.model),
            ("judge:my/model", "my/model")
        );
        assert_ne!(other.asked(), preset.asked());
        let why = judges.named("llama-3.3-70b", none).unwrap_err();
        assert!(why.contains(URL_VARIABLE), "{why}");

        let text = "[judge.\"llama-3.3-70b\"]\nurl = \"https://example.org/v1\"\nkey_variable = \"KEY\"\n\
                    price = { input = 0.1, output = 0.3 }\nbudget = { tokens = 1000, usd = 2.5 }\nat_once = 3\n";
        let written = of(text, "llama-3.3-70b").unwrap();
        assert_eq!(written.model, "meta-llama/Llama-3.3-70B-Instruct");
        assert_eq!((written.at_once, written.tries), (3, 8));
        assert!(written.key.is_some() && preset.key.is_some());
        // A key is for the endpoint that it came with.
        let own = Judges::parse("[judge.a]\nurl = \"https://other.example/v1\"\n").unwrap();
        assert_eq!(own.named("a", endpoint).unwrap().key, None);
        assert_eq!(written.budget.usd, Some(2.5));
    }

    #[test]
    fn what_is_wrong_with_a_judge_is_said() {
        let judge = |rest: &str| of(&format!("[judge.a]\n{rest}\n"), "a").unwrap_err();
        for (rest, says) in [
            ("url = \"ftp://x/\"", "http://"),
            ("url = \"no url\"", "its url is none"),
            ("url = \"https://me:secret@x/v1\"", "no user, password"),
            (
                "url = \"http://x.example/v1\"\nkey_variable = \"KEY\"",
                "in the clear",
            ),
            (
                "url = \"http://127.0.0.1.example.org/v1\"\nkey_variable = \"KEY\"",
                "in the clear",
            ),
            (
                "url = \"https://x/v1\"\nkey_variable = \"NONE\"",
                "NONE holds no key",
            ),
            (
                "url = \"https://x/v1\"\nbudget = { usd = 1.0 }",
                "needs its `price`",
            ),
            (
                "url = \"https://x/v1\"\nprice = { input = -1.0, output = 0.0 }",
                "numbers from 0",
            ),
            (
                "url = \"https://x/v1\"\ntimeout_seconds = 0.0",
                "timeout_seconds",
            ),
            ("modle = \"x\"", "line 2"),
        ] {
            let why = judge(rest);
            assert!(why.contains(says), "{rest}: {why}");
        }
        assert!(of("judge = 1\n", "a").unwrap_err().contains("line 1"));
    }
}
