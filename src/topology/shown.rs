//! What topics and queues are called before people: as the bus calls them, and what is external by its name in the file.

use super::model::Topology;

impl Topology {
    /// The topic's name for people.
    pub(crate) fn topic_shown<'a>(&'a self, name: &'a str) -> &'a str {
        match self.topic(name) {
            Some(topic) if topic.external => &topic.key,
            Some(topic) => &topic.name,
            None => name,
        }
    }

    /// The queue's name for people.
    pub(crate) fn queue_shown<'a>(&'a self, name: &'a str) -> &'a str {
        match self.queue(name) {
            Some(queue) if queue.external => &queue.key,
            Some(queue) => &queue.name,
            None => name,
        }
    }
}
