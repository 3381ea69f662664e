//! Being asked to stop.

use std::sync::Arc;

use tokio::sync::watch;

/// A request to stop, shared by everything that would have to.
#[derive(Clone, Debug)]
pub struct Cancel {
    sender: Arc<watch::Sender<bool>>,
}

impl Default for Cancel {
    fn default() -> Self {
        Self {
            sender: Arc::new(watch::Sender::new(false)),
        }
    }
}

impl Cancel {
    /// Asks everything to stop. Asking twice changes nothing.
    pub fn cancel(&self) {
        self.sender.send_replace(true);
    }

    /// Whether it was asked.
    pub fn is_cancelled(&self) -> bool {
        *self.sender.borrow()
    }

    /// Waits until it is asked.
    pub async fn cancelled(&self) {
        let mut receiver = self.sender.subscribe();
        // It fails only when the sender is gone, and we hold it.
        let _ = receiver.wait_for(|asked| *asked).await;
    }
}
