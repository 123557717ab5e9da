//! From a name, ARN or URL to the thing itself. Looks, and never creates: `CreateTopic` as a look-up would turn a typo into a topic.

use aws_sdk_sqs::types::QueueAttributeName;

use super::{Bus, BusError, BusErrorKind, DEFAULT_TOPIC_BYTES, Queue, Topic};

/// How many names a look-up may page through for its suggestions; more would make a typo slow.
const NAMES_FOR_SUGGESTIONS: usize = 2_000;

impl Bus {
    /// The account that owns the bus's topics and queues: the context's, else what STS says; asked once.
    ///
    /// # Errors
    /// What `GetCallerIdentity` answers.
    pub async fn account(&self) -> Result<String, BusError> {
        let account = self.account.get_or_try_init(|| async {
            let answer = self.sts.get_caller_identity().send().await;
            let answer = answer.map_err(|e| BusError::from_sdk("GetCallerIdentity", "the account", &e))?;
            answer.account.ok_or_else(|| {
                BusError::new(
                    BusErrorKind::Other,
                    "GetCallerIdentity",
                    "the account: the answer of `GetCallerIdentity` names none",
                )
            })
        });
        account.await.cloned()
    }

    /// Finds a topic by name or ARN.
    ///
    /// The ARN is built from the account, or found by listing when there is no way to learn the account; then it is verified,
    /// unless the caller may not ask (a publisher needs no more than `sns:Publish`).
    ///
    /// # Errors
    /// `NotFound`, with the nearest existing names; `Invalid` for an ARN that is not a topic's, or is another region's.
    pub async fn topic(&self, name_or_arn: &str) -> Result<Topic, BusError> {
        let topic = if name_or_arn.starts_with("arn:") {
            let name = name_from_arn(name_or_arn, "sns", "topic")?;
            self.check_here(name_or_arn, "topic", &name)?;
            Topic { name, arn: name_or_arn.to_owned(), max_bytes: DEFAULT_TOPIC_BYTES }
        } else {
            check_name(name_or_arn, "topic", 256)?;
            let name = name_or_arn.to_owned();
            match self.account().await {
                Ok(account) => {
                    let (partition, region) = (partition(&self.region), &self.region);
                    let arn = format!("arn:{partition}:sns:{region}:{account}:{name}");
                    Topic { arn, name, max_bytes: DEFAULT_TOPIC_BYTES }
                }
                Err(no_account) => return self.topic_by_listing(&name, no_account).await,
            }
        };
        let answer = self.sns.get_topic_attributes().topic_arn(&topic.arn).send().await;
        match answer {
            Ok(answer) => {
                let said = |name: &str| answer.attributes.as_ref().and_then(|all| all.get(name));
                same_arn("topic", &topic.name, &topic.arn, said("TopicArn").unwrap_or(&topic.arn))?;
                let max_bytes = said("MaximumMessageSize").and_then(|bytes| bytes.parse().ok());
                Ok(Topic { max_bytes: max_bytes.unwrap_or(DEFAULT_TOPIC_BYTES), ..topic })
            }
            Err(error) => {
                let error = BusError::from_sdk("GetTopicAttributes", &format!("topic `{}`", topic.name), &error);
                match error.kind {
                    // Denied, not disproved: the publish itself will say whether it exists.
                    BusErrorKind::Auth if is_denied(&error) => Ok(topic),
                    BusErrorKind::NotFound => Err(self.with_nearest_topics(error, &topic.name).await),
                    _ => Err(error),
                }
            }
        }
    }

    /// Finds a queue by name, ARN or URL.
    ///
    /// # Errors
    /// `NotFound`, with the nearest existing names; `Invalid` for an ARN or URL that is not a queue's, and for an ARN to which
    /// this bus only has a namesake: another region's or account's.
    pub async fn queue(&self, name_arn_or_url: &str) -> Result<Queue, BusError> {
        let (name, url) = if name_arn_or_url.starts_with("http://") || name_arn_or_url.starts_with("https://") {
            (name_from_url(name_arn_or_url)?, name_arn_or_url.to_owned())
        } else if name_arn_or_url.starts_with("arn:") {
            let name = name_from_arn(name_arn_or_url, "sqs", "queue")?;
            self.check_here(name_arn_or_url, "queue", &name)?;
            let owner = name_arn_or_url.split(':').nth(4).unwrap_or_default();
            let url = self.queue_url(&name, Some(owner).filter(|o| !o.is_empty())).await?;
            (name, url)
        } else {
            check_name(name_arn_or_url, "queue", 80)?;
            // Not the context's account: a queue of one's own is found without naming an owner, and with least permission.
            (name_arn_or_url.to_owned(), self.queue_url(name_arn_or_url, None).await?)
        };
        let answer =
            self.sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn).send().await;
        let arn = match answer {
            Ok(answer) => answer.attributes.and_then(|mut all| all.remove(&QueueAttributeName::QueueArn)),
            Err(error) => {
                let error = BusError::from_sdk("GetQueueAttributes", &format!("queue `{name}`"), &error);
                match error.kind {
                    BusErrorKind::Auth if is_denied(&error) => None,
                    BusErrorKind::NotFound => return Err(self.with_nearest_queues(error, &name).await),
                    _ => return Err(error),
                }
            }
        };
        let arn = arn.unwrap_or_else(|| {
            let account = url.trim_end_matches('/').rsplit('/').nth(1).unwrap_or_default();
            format!("arn:{}:sqs:{}:{account}:{name}", partition(&self.region), self.region)
        });
        if name_arn_or_url.starts_with("arn:") {
            same_arn("queue", &name, name_arn_or_url, &arn)?;
        }
        Ok(Queue { name, url, arn })
    }

    /// On AWS an ARN of another region or partition cannot be had here, whatever this region has of that name. Emulators put
    /// what they like there: of theirs, the ARN that they answer decides.
    fn check_here(&self, arn: &str, what: &str, name: &str) -> Result<(), BusError> {
        let mut parts = arn.split(':').skip(1);
        let (their_partition, their_region) = (parts.next().unwrap_or_default(), parts.nth(1).unwrap_or_default());
        if self.endpoint_url.is_some() || (their_partition == partition(&self.region) && their_region == self.region) {
            return Ok(());
        }
        Err(BusError::new(
            BusErrorKind::Invalid,
            "look-up",
            format!(
                "{what} `{name}` is in region `{their_region}` of `{their_partition}`, the bus is in `{}`",
                self.region
            ),
        ))
    }

    /// The names of all topics that may be seen.
    ///
    /// # Errors
    /// What `ListTopics` answers.
    pub async fn topic_names(&self) -> Result<Vec<String>, BusError> {
        Ok(self.topic_arns(usize::MAX).await?.into_iter().map(|arn| last_part(&arn, ':')).collect())
    }

    /// The names of all queues that may be seen.
    ///
    /// # Errors
    /// What `ListQueues` answers.
    pub async fn queue_names(&self) -> Result<Vec<String>, BusError> {
        Ok(self.queue_urls("", usize::MAX).await?.into_iter().map(|url| last_part(&url, '/')).collect())
    }

    async fn queue_url(&self, name: &str, owner: Option<&str>) -> Result<String, BusError> {
        let call = self.sqs.get_queue_url().queue_name(name);
        let answer = call.set_queue_owner_aws_account_id(owner.map(str::to_owned)).send().await;
        match answer {
            Ok(answer) => answer.queue_url.ok_or_else(|| {
                BusError::new(
                    BusErrorKind::Other,
                    "GetQueueUrl",
                    format!("queue `{name}`: the answer of `GetQueueUrl` has no URL"),
                )
            }),
            Err(error) => {
                let error = BusError::from_sdk("GetQueueUrl", &format!("queue `{name}`"), &error);
                Err(if error.kind == BusErrorKind::NotFound {
                    self.with_nearest_queues(error, name).await
                } else {
                    error
                })
            }
        }
    }

    async fn topic_by_listing(&self, name: &str, no_account: BusError) -> Result<Topic, BusError> {
        let Ok(arns) = self.topic_arns(usize::MAX).await else { return Err(no_account) };
        if let Some(arn) = arns.iter().find(|arn| last_part(arn, ':') == name) {
            return Ok(Topic { name: name.to_owned(), arn: arn.clone(), max_bytes: DEFAULT_TOPIC_BYTES });
        }
        let names: Vec<String> = arns.iter().map(|arn| last_part(arn, ':')).collect();
        let mut error = BusError::new(BusErrorKind::NotFound, "ListTopics", format!("topic `{name}` does not exist"));
        error.nearest = nearest(name, &names);
        Err(self.placed(error))
    }

    /// The ARNs of the topics that may be seen, page by page until there are `at_least` so many.
    ///
    /// # Errors
    /// What `ListTopics` answers.
    pub async fn topic_arns(&self, at_least: usize) -> Result<Vec<String>, BusError> {
        let mut arns = Vec::new();
        let mut token = None;
        loop {
            let answer = self.sns.list_topics().set_next_token(token).send().await;
            let answer = answer.map_err(|e| BusError::from_sdk("ListTopics", "the topics", &e))?;
            arns.extend(answer.topics.unwrap_or_default().into_iter().filter_map(|topic| topic.topic_arn));
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() || arns.len() >= at_least {
                return Ok(arns);
            }
        }
    }

    /// The URLs of the queues whose names begin with `prefix`, page by page until there are `at_least` so many; SQS gives pages
    /// only to those who ask for them.
    ///
    /// # Errors
    /// What `ListQueues` answers.
    pub async fn queue_urls(&self, prefix: &str, at_least: usize) -> Result<Vec<String>, BusError> {
        let prefix = Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty());
        let mut urls = Vec::new();
        let mut token = None;
        loop {
            let call = self.sqs.list_queues().max_results(1_000).set_queue_name_prefix(prefix.clone());
            let answer = call.set_next_token(token).send().await;
            let answer = answer.map_err(|e| BusError::from_sdk("ListQueues", "the queues", &e))?;
            urls.extend(answer.queue_urls.unwrap_or_default());
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() || urls.len() >= at_least {
                return Ok(urls);
            }
        }
    }

    async fn with_nearest_topics(&self, mut error: BusError, name: &str) -> BusError {
        // Suggestions are a courtesy: without the permission to list there are none, and the error stays what it is.
        if let Ok(arns) = self.topic_arns(NAMES_FOR_SUGGESTIONS).await {
            error.nearest = nearest(name, &arns.iter().map(|arn| last_part(arn, ':')).collect::<Vec<_>>());
        }
        self.placed(error)
    }

    async fn with_nearest_queues(&self, mut error: BusError, name: &str) -> BusError {
        if let Ok(urls) = self.queue_urls("", NAMES_FOR_SUGGESTIONS).await {
            error.nearest = nearest(name, &urls.iter().map(|url| last_part(url, '/')).collect::<Vec<_>>());
        }
        self.placed(error)
    }

    /// Says where it was looked for, when that can be the mistake: on AWS, the region.
    fn placed(&self, mut error: BusError) -> BusError {
        match &self.endpoint_url {
            None => error.message.push_str(&format!(" in {}", self.region)),
            Some(_) if self.peek && !self.peek_whole => error.message.push_str(" on the embedded bus"),
            Some(url) => error.message.push_str(&format!(" at {}", super::error::redact(url))),
        }
        error
    }
}

/// Whether what was found is what was asked for, and not a namesake in another account or region.
fn same_arn(what: &str, name: &str, asked: &str, found: &str) -> Result<(), BusError> {
    if asked == found {
        return Ok(());
    }
    let message = format!("{what} `{name}`: `{asked}` was asked for, but the bus has `{found}` by that name");
    Err(BusError::new(BusErrorKind::Invalid, "look-up", message))
}

/// Denied by policy, as opposed to credentials that are wrong: those no later call will forgive.
fn is_denied(error: &BusError) -> bool {
    error.code.as_deref().is_some_and(|code| code.contains("AccessDenied") || code.contains("AuthorizationError"))
}

fn last_part(text: &str, separator: char) -> String {
    text.trim_end_matches(separator).rsplit(separator).next().unwrap_or_default().to_owned()
}

/// ARN partitions by region prefix: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>.
pub fn partition(region: &str) -> &'static str {
    match region {
        r if r.starts_with("cn-") => "aws-cn",
        r if r.starts_with("us-gov-") => "aws-us-gov",
        r if r.starts_with("us-isob-") => "aws-iso-b",
        r if r.starts_with("us-isof-") => "aws-iso-f",
        r if r.starts_with("us-iso-") => "aws-iso",
        r if r.starts_with("eu-isoe-") => "aws-iso-e",
        r if r.starts_with("eusc-") => "aws-eusc",
        _ => "aws",
    }
}

/// Names are letters, digits, `-` and `_`, with `.fifo` at the end for FIFO ones. Checked here, so that a path or an empty
/// variable gets a sentence instead of a service's answer.
fn check_name(name: &str, what: &str, longest: usize) -> Result<(), BusError> {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    let plain = !stem.is_empty() && stem.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if plain && name.len() <= longest {
        return Ok(());
    }
    let shown: String = name.chars().take(100).flat_map(char::escape_default).collect();
    Err(BusError::new(
        BusErrorKind::Invalid,
        "look-up",
        format!(
            "`{shown}` is not a {what} name; expected 1 to {longest} letters, digits, `-` or `_` (and `.fifo` at the end), or an ARN"
        ),
    ))
}

fn name_from_arn(arn: &str, service: &str, what: &str) -> Result<String, BusError> {
    let parts: Vec<&str> = arn.split(':').collect();
    if parts.len() == 6 && parts[2] == service && !parts[5].is_empty() {
        return Ok(parts[5].to_owned());
    }
    Err(BusError::new(
        BusErrorKind::Invalid,
        "look-up",
        format!("`{arn}` is not a {what}'s ARN; expected `arn:aws:{service}:REGION:ACCOUNT:NAME`"),
    ))
}

fn name_from_url(url: &str) -> Result<String, BusError> {
    let path =
        url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path.trim_end_matches('/'));
    match path.and_then(|path| path.rsplit('/').next()).filter(|name| !name.is_empty()) {
        Some(name) => Ok(name.to_owned()),
        None => Err(BusError::new(
            BusErrorKind::Invalid,
            "look-up",
            format!("`{}` is not a queue's URL; expected `https://HOST/ACCOUNT/NAME`", super::error::redact(url)),
        )),
    }
}

/// Up to three of `names` that come close to `wanted`, nearest first.
pub(crate) fn nearest(wanted: &str, names: &[String]) -> Vec<String> {
    let lower = wanted.to_lowercase();
    let mut scored: Vec<(f64, &String)> = names
        .iter()
        .map(|name| (strsim::jaro_winkler(&lower, &name.to_lowercase()), name))
        .filter(|(score, _)| *score > 0.8)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    scored.into_iter().take(3).map(|(_, name)| name.clone()).collect()
}
