//! Where the events of a name go, and what they must be: the routing table and the catalogue of schemas, looked up once a name.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Problem, PublishError, Request};
use crate::engine::Event;
use crate::schema::{CatalogueError, Meta, Schema};
use crate::words;

/// Plans that are kept; with `--event-field` a stream may name any number of events.
const PLANS: usize = 1000;

/// Where the events of one name go, and what they must be.
#[derive(Debug)]
pub(super) struct Plan {
    /// Usually one; none for what goes nowhere on purpose.
    pub(super) topics: Vec<String>,
    pub(super) schema: Option<Arc<Schema>>,
    pub(super) group_by: Option<String>,
    /// The schema says that payloads hold personal data.
    pub(super) personal: bool,
}

/// What is to be said about an event, once.
#[derive(Clone, Debug)]
pub(super) enum Said {
    Warning(String),
    Note(String),
}

impl From<Said> for Event {
    fn from(said: Said) -> Self {
        match said {
            Said::Warning(text) => Self::Warning(text),
            Said::Note(text) => Self::Note(text),
        }
    }
}

enum PlanError {
    Problem(Problem),
    Catalogue(CatalogueError),
}

/// The plans of the names that came, by publisher and event.
pub(super) struct Plans<'a> {
    request: &'a Request,
    known: HashMap<(String, String), Result<Arc<Plan>, Problem>>,
    pub(super) said: Vec<Said>,
}

impl<'a> Plans<'a> {
    /// Looks the request's one event up, if it has one.
    ///
    /// # Errors
    /// It is unknown, has no route, or its schema cannot be used.
    pub(super) fn new(request: &'a Request) -> Result<Self, PublishError> {
        let mut plans = Self { request, known: HashMap::new(), said: Vec::new() };
        if let Some(event) = &request.event {
            let plan = plans.make(event, &request.publisher).map_err(|e| match e {
                PlanError::Problem(problem) => PublishError::Event(problem),
                PlanError::Catalogue(error) => PublishError::Schema(error),
            })?;
            plans.known.insert((request.publisher.clone(), event.clone()), Ok(Arc::new(plan)));
        }
        Ok(plans)
    }

    /// The plan of an event of a publisher.
    pub(super) fn of(&mut self, event: &str, publisher: &str) -> Result<Arc<Plan>, Problem> {
        let key = (publisher.to_owned(), event.to_owned());
        if let Some(plan) = self.known.get(&key) {
            return plan.clone();
        }
        let plan = self.make(event, publisher).map(Arc::new).map_err(|e| match e {
            PlanError::Problem(problem) => problem,
            PlanError::Catalogue(error) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
                Problem::BrokenSchema(format!("{error}{cause}"))
            }
        });
        if self.known.len() >= PLANS {
            self.known.clear();
        }
        self.known.insert(key, plan.clone());
        plan
    }

    fn make(&mut self, event: &str, publisher: &str) -> Result<Plan, PlanError> {
        let request = self.request;
        let topology = request.topology.as_ref();
        // By another of its names an event goes and is checked as under its own, unless the table has an entry for that name.
        let meant = request.catalogue.known_as(event);
        let route = topology
            .and_then(|topology| topology.route(publisher, event).or_else(|| topology.route(publisher, meant?)));
        let schema_name = route.and_then(|route| route.schema.as_deref()).or(meant).unwrap_or(event);
        let schema = request.catalogue.schema(schema_name, request.schema_version).map_err(PlanError::Catalogue)?;
        let topics = match (&request.topic, route) {
            (Some(topic), _) => vec![topic.clone()],
            (None, Some(route)) => route.topics.clone(),
            (None, None) if schema.is_some() => {
                return Err(PlanError::Problem(Problem::NotRouted { event: event.to_owned() }));
            }
            (None, None) => {
                let nearest = self.nearest(event);
                return Err(PlanError::Problem(Problem::UnknownEvent { event: event.to_owned(), nearest }));
            }
        };
        if let Some(name) = meant {
            self.said.push(Said::Note(format!(
                "`{event}` is another name of `{name}` and checked by its schema; the name goes out as it is"
            )));
        }
        if let (Some(route), true) = (route, topics.is_empty()) {
            self.said.push(Said::Note(format!(
                "event `{event}` goes nowhere, on purpose: `events.{}` of the topology has no topic",
                route.pattern
            )));
        }
        if schema.is_none() {
            let nearest = self.nearest(event);
            if request.require_schema {
                return Err(PlanError::Problem(Problem::NoSchema { event: event.to_owned(), nearest }));
            }
            let folder = request.catalogue.folder().display();
            let meant = words::did_you_mean_any(&nearest).map(|meant| format!("; {meant}")).unwrap_or_default();
            self.said.push(Said::Warning(format!(
                "event `{event}` has no schema in {folder}, its payload goes unchecked{meant}"
            )));
        }
        let personal = schema.as_ref().is_some_and(|schema| Meta::of(schema.source()).personal_data);
        Ok(Plan { topics, schema, group_by: route.and_then(|route| route.group_by.clone()), personal })
    }

    /// Names that `event` may have meant, among those routed and those with a schema.
    fn nearest(&self, event: &str) -> Vec<String> {
        let topology = self.request.topology.as_ref();
        let routed = topology.into_iter().flat_map(|topology| topology.event_names());
        let mut known: Vec<&str> =
            routed.chain(self.request.catalogue.events()).filter(|name| *name != event).collect();
        known.sort_unstable();
        known.dedup();
        nearest_events(event, &known)
    }
}

/// The topics that the request's one event goes to, and what is to be said about it; nothing is read for that.
///
/// # Errors
/// The event cannot be published, whatever its payload is.
pub fn targets(request: &Request) -> Result<(Vec<String>, Vec<Event>), PublishError> {
    let plans = Plans::new(request)?;
    let topics = plans.known.values().flatten().flat_map(|plan| plan.topics.clone()).collect();
    Ok((topics, plans.said.into_iter().map(Event::from).collect()))
}

/// Names among `known` that `event` may have meant. `Userregisteredpayload`, as the Python library's task callbacks write it, means
/// `UserRegistered`.
pub(in crate::engine) fn nearest_events(event: &str, known: &[&str]) -> Vec<String> {
    let bare = event.to_lowercase();
    let bare = bare.strip_suffix("payload").unwrap_or(&bare);
    match known.iter().find(|name| name.to_lowercase() == bare) {
        Some(name) => vec![(*name).to_owned()],
        None => words::nearest(event, known.iter().copied()).into_iter().map(str::to_owned).collect(),
    }
}
