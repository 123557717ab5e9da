//! Names: events without a route, routes without a schema, and the camelizer of the Python library.

use serde_json::Value;

use super::Surroundings;
use super::reach::{Envelope, Field};
use crate::filter::{Domain, FilterPolicy, Part, Values, camelize};
use crate::topology::{Problem, Topology};
use crate::words;

/// Events that have a schema and no route, and routes that name a schema which is not there.
pub(super) fn routes(topology: &Topology, around: &Surroundings<'_>, found: &mut Vec<Problem>) {
    let catalogue = around.catalogue;
    for route in &topology.events {
        let Some(name) = route.schema.as_deref().or(route.event_name()) else { continue };
        let path = format!("events.{}", route.pattern);
        match catalogue.schema(name, None) {
            Ok(Some(_)) => {}
            // A project without schemas has none to miss.
            Ok(None) if route.schema.is_none() => {}
            Ok(None) => {
                let message = format!("`{path}.schema` is `{name}`, and there is no such schema in {}", folder(around));
                let fix = words::did_you_mean(name, catalogue.events()).unwrap_or_else(|| format!("write {name}.json"));
                found.push(topology.warning(route.place, &path, message, Some(fix)));
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
                let message = format!("the schema of `{name}` cannot be used: {error}{cause}");
                found.push(topology.warning(route.place, &path, message, Some("correct the schema".into())));
            }
        }
    }
    if !around.routes_here {
        return;
    }
    let named: Vec<&str> = topology.events.iter().filter_map(|route| route.schema.as_deref()).collect();
    for event in catalogue.events().filter(|event| !named.contains(event)) {
        let publisher = around.publisher.unwrap_or_default();
        // Another publisher's own route is one, too.
        let literal = topology.event_names().any(|name| name == event);
        if literal || topology.route(publisher, event).is_some() {
            continue;
        }
        let topic = topology.topics.first().map_or("TOPIC", |topic| topic.key.as_str());
        let near = words::nearest(event, topology.event_names());
        let meant = words::did_you_mean_any(&near).map(|meant| format!("; {meant}")).unwrap_or_default();
        let message =
            format!("event `{event}` has a schema in {} and no route, so it cannot be published", folder(around));
        let fix = format!("add `{event}: {{ topic: {topic} }}` under `events:`{meant}");
        found.push(topology.warning(topology.events_place, "events", message, Some(fix)));
    }
}

fn folder(around: &Surroundings<'_>) -> String {
    around.catalogue.folder().display().to_string()
}

/// Filters on names that the Python library writes in another way than they are given to it.
///
/// It lower-cases the rest of each word of the publisher's name, and of the class name after which its Celery callbacks name
/// their events: `UserService` is sent as `Userservice`, and an event of `UserRegisteredPayload` as `Userregisteredpayload`.
pub(super) fn camelized(topology: &Topology, around: &Surroundings<'_>, envelope: &Envelope, found: &mut Vec<Problem>) {
    let events: Vec<&str> = topology.event_names().collect();
    for (index, subscription) in topology.subscriptions.iter().enumerate() {
        let Some(filter) = &subscription.filter else { continue };
        let Ok(policy) = FilterPolicy::parse(&filter.text(), subscription.scope) else { continue };
        for part in policy.parts() {
            let Some(text) = part.text() else { continue };
            let trap = match Field::of(part.key(), subscription.scope, envelope) {
                Field::Publisher => publisher(&policy, part, text, around.publisher),
                Field::Event => event(&policy, part, text, &events),
                _ => None,
            };
            let Some((message, other)) = trap else { continue };
            let (place, inner) = filter.locate(&part.pointer());
            let path = format!("subscriptions.{index}.filter.{inner}");
            let key = part.key().rsplit('.').next().unwrap_or(part.key());
            let fix = Some(format!("list both: `{key}: [{text}, {other}]`"));
            found.push(topology.warning(place, &path, format!("`{path}` is `{text}`: {message}"), fix));
        }
    }
}

/// Whether the key of `part` lets `text` pass, by whichever entry of its list.
fn lets_in(policy: &FilterPolicy, part: Part<'_>, text: &str) -> bool {
    let domain = Domain { values: Values::Listed(vec![Value::from(text)]), may_be_absent: false };
    policy.parts().any(|other| other.key_pointer() == part.key_pointer() && other.is_possible(&domain))
}

fn publisher(policy: &FilterPolicy, part: Part<'_>, text: &str, own: Option<&str>) -> Option<(String, String)> {
    let written = camelize(text);
    if written != text {
        let message = format!("the Python library sends it as `{written}`, which does not pass");
        return (!lets_in(policy, part, &written)).then_some((message, written));
    }
    let own = own.filter(|own| *own != text && camelize(own) == text && !lets_in(policy, part, own))?;
    Some((format!("the Python library sends that, `eventbus publish` sends `{own}`, which does not pass"), own.into()))
}

fn event(policy: &FilterPolicy, part: Part<'_>, text: &str, events: &[&str]) -> Option<(String, String)> {
    let written = |event: &str| [camelize(event), camelize(&format!("{event}Payload"))];
    let of_callback = events.iter().find(|event| **event != text && written(event).iter().any(|name| name == text));
    if let Some(event) = of_callback.filter(|event| !lets_in(policy, part, event)) {
        let message = format!(
            "that is what the Python library's task callbacks make of `{event}`; an event sent as `{event}` does not pass"
        );
        return Some((message, (*event).to_owned()));
    }
    let routed = written(text).into_iter().find(|name| name != text && events.contains(&name.as_str()))?;
    let message =
        format!("the Python library's task callbacks send it as `{routed}`, which is routed and does not pass");
    (!lets_in(policy, part, &routed)).then_some((message, routed))
}
