//! How large a policy may be: <https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html>.

use super::clause::{Clause, Excluded};
use super::policy::{Leaf, Node};
use super::{PolicyError, PolicyWarning};

/// "The maximum size of a filter policy is 256 KB", in bytes of its UTF-8 text.
pub(super) const MAX_BYTES: usize = 256 * 1024;

const MAX_KEYS: usize = 5;
const MAX_COMBINATIONS: u64 = 150;
const MAX_STARS: usize = 3;
const MAX_WILDCARD_POINTS: usize = 100;

pub(super) fn size(text: &str) -> Result<(), PolicyError> {
    if text.len() <= MAX_BYTES {
        return Ok(());
    }
    Err(PolicyError::new("", format!("the policy has {} bytes, at most {MAX_BYTES} (256 KB) are allowed", text.len())))
}

/// At most five keys. AWS's page counts the keys that hold lists, wherever they are; an earlier edition of it, and the answers
/// recorded from AWS, count those at the top. Only what both refuse is refused.
pub(super) fn keys(top: usize, leaves: &[Leaf]) -> Result<Option<PolicyWarning>, PolicyError> {
    if top > MAX_KEYS {
        return Err(PolicyError::new("", format!("the policy has {top} keys, at most {MAX_KEYS} are allowed"))
            .aws("Filter policy can not have more than 5 keys"));
    }
    Ok((leaves.len() > MAX_KEYS).then(|| PolicyWarning {
        pointer: String::new(),
        sentence: format!(
            "{} keys with values in all: AWS documents a limit of {MAX_KEYS} that counts nested ones too, and may refuse this",
            leaves.len()
        ),
    }))
}

/// At most 150 combinations: the number of values times the nesting level, multiplied over the keys and added up over the
/// branches of `$or`. `depths` are the leaves' nesting levels, from 1.
pub(super) fn combinations(leaves: &[Leaf], depths: &[u64], nodes: &[Node]) -> Result<(), PolicyError> {
    let count = product(leaves, depths, nodes);
    if count <= MAX_COMBINATIONS {
        return Ok(());
    }
    let count = if count == u64::MAX { "too many".to_owned() } else { count.to_string() };
    Err(PolicyError::new(
        "",
        format!(
            "the policy has {count} combinations (values times nesting level, multiplied over the keys, added over the branches \
             of `$or`), at most {MAX_COMBINATIONS} are allowed"
        ),
    )
    .aws("Filter policy is too complex"))
}

fn product(leaves: &[Leaf], depths: &[u64], nodes: &[Node]) -> u64 {
    nodes.iter().fold(1, |product: u64, node| {
        product.saturating_mul(match node {
            Node::Leaf(leaf) => (leaves[*leaf].clauses.len() as u64).saturating_mul(depths[*leaf]),
            Node::Or { branches, .. } => {
                branches.iter().fold(0, |sum: u64, branch| sum.saturating_add(self::product(leaves, depths, branch)))
            }
        })
    })
}

/// At most three stars a pattern, and at most 100 points: a field's points (1 for a pattern with one star, 3 for one with
/// more, 1 for any other `anything-but`) times its patterns, added up over the fields that have a star anywhere.
pub(super) fn wildcards(leaves: &[Leaf]) -> Result<(), PolicyError> {
    let mut total = 0;
    for leaf in leaves {
        let (mut points, mut patterns, mut stars_anywhere) = (0, 0, false);
        for clause in &leaf.clauses {
            let stars = match clause {
                Clause::Wildcard(wildcard) => wildcard.stars(),
                Clause::AnythingBut(Excluded::Wildcards(list)) => {
                    list.iter().map(super::clause::Wildcard::stars).max().unwrap_or(0)
                }
                Clause::AnythingBut(_) => 0,
                _ => continue,
            };
            if stars > MAX_STARS {
                return Err(PolicyError::new(
                    &leaf.pointer,
                    format!("`wildcard` has {stars} stars in one pattern, at most {MAX_STARS} are allowed"),
                ));
            }
            let is_pattern = stars > 0 || matches!(clause, Clause::AnythingBut(_));
            points += match stars {
                0 => usize::from(is_pattern),
                1 => 1,
                _ => 3,
            };
            patterns += usize::from(is_pattern);
            stars_anywhere |= stars > 0;
        }
        if stars_anywhere {
            total += points * patterns;
        }
    }
    if total <= MAX_WILDCARD_POINTS {
        return Ok(());
    }
    Err(PolicyError::new(
        "",
        format!(
            "the wildcards come to {total} points (a key's points times its patterns: 1 point for one star, 3 for more), at \
             most {MAX_WILDCARD_POINTS} are allowed"
        ),
    ))
}
