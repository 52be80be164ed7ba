//! `new-key`: a fresh API key, and the settings that let it in.

use super::{Failure, NewKey, usage};
use crate::config::KeyHash;
use anyhow::Context;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use std::io::Write;

/// What keys begin with, so that one that lies about is known for what it is.
const PREFIX: &str = "sw_";

impl NewKey {
    pub(super) fn run(self) -> Result<(), Failure> {
        let is_name = |name: &str| (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
        for name in [Some(&self.name), self.source.as_ref()].into_iter().flatten() {
            if !is_name(name) {
                return Err(usage(anyhow::anyhow!(
                    "a name has 1 to 64 printable ASCII characters without spaces and quotes"
                )));
            }
        }
        let mut random = [0; 32];
        let filled = SystemRandom::new().fill(&mut random);
        filled.map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
        let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = self.describe(&format!("{PREFIX}{digits}"));
        std::io::stdout().write_all(text.as_bytes()).context("the key cannot be shown")?;
        Ok(())
    }

    fn describe(&self, key: &str) -> String {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
        let scopes: Vec<String> = self.scope.iter().map(|scope| format!("\"{}\"", scope.name())).collect();
        let source = self
            .source
            .as_ref()
            .map_or_else(String::new, |source| format!("source = \"{source}\"\n"));
        format!(
            "The key, for {} alone; it is kept nowhere and shown this once:\n\n{key}\n\nThe server's settings:\n\n\
             [[auth.keys]]\nname = \"{}\"\nhash = \"{}\"\nscope = [{}]\n{source}",
            self.name,
            self.name,
            KeyHash(hash).to_text(),
            scopes.join(", "),
        )
    }
}
