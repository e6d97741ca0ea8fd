//! How far a task has come, on a terminal.

use crate::run::events::{Event, Glance, Observer, TaskEvent};
use crate::terminal::Terminal;

/// A bar with the time that is left on a terminal; lines of what was begun and warnings everywhere; all on stderr.
#[derive(Debug)]
pub struct TaskProgress(Terminal);

impl TaskProgress {
    /// A bar if stderr is a terminal; `what` names the task.
    pub fn stderr(what: &'static str) -> Self {
        let terminal = Terminal::stderr("{msg} {wide_bar} {pos}/{len}, {eta} left");
        terminal.bar.set_message(what);
        Self(terminal)
    }
}

impl<R> Observer<TaskEvent<R>> for TaskProgress {
    fn notify(&self, event: &Event<TaskEvent<R>>) {
        let bar = &self.0.bar;
        match &event.payload {
            TaskEvent::Started { summary } => summary.iter().for_each(|line| self.0.say(line)),
            TaskEvent::Warning { message } => self.0.say(&format!("warning: {message}")),
            TaskEvent::Progress => {
                let is_first = bar.length() != Some(event.of);
                bar.set_length(event.of);
                bar.set_position(event.done);
                if is_first {
                    // What was done in an earlier run says nothing of the speed of this one.
                    bar.reset_eta();
                }
            }
            TaskEvent::Finished(_) => bar.finish_and_clear(),
        }
    }

    fn glance(&self, glance: &Glance) {
        self.0.bar.inc(glance.advanced);
    }
}
