# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_eventbus_global_optspecs
    string join \n context= profile= region= endpoint-url= y/yes q/quiet v/verbose color= show-settings h/help V/version
end

function __fish_eventbus_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_eventbus_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_eventbus_using_subcommand
    set -l cmd (__fish_eventbus_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c eventbus -n "__fish_eventbus_needs_command" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_needs_command" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_needs_command" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_needs_command" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_needs_command" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_needs_command" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_needs_command" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_needs_command" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_needs_command" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_needs_command" -s V -l version -d 'Print version'
complete -c eventbus -n "__fish_eventbus_needs_command" -f -a "publish" -d 'Check payloads against the event\'s schema and publish them to its topic'
complete -c eventbus -n "__fish_eventbus_needs_command" -f -a "provision" -d 'Plan and apply topics, queues, dead-letter queues, policies and subscriptions'
complete -c eventbus -n "__fish_eventbus_needs_command" -f -a "tail" -d 'Show what waits in a queue, then what comes, each message once'
complete -c eventbus -n "__fish_eventbus_needs_command" -f -a "inspect" -d 'Say what lies in a queue or a recording: grouped, counted, aged, with one sample each'
complete -c eventbus -n "__fish_eventbus_needs_command" -f -a "record" -d 'Write what waits in a queue, and what comes, into a file without losing anything of it'
complete -c eventbus -n "__fish_eventbus_needs_command" -f -a "consume" -d 'Run a command for each event of a queue, and acknowledge by its exit code'
complete -c eventbus -n "__fish_eventbus_needs_command" -f -a "replay" -d 'Send the messages of a dead-letter queue back to their origin, or those of any queue to another'
complete -c eventbus -n "__fish_eventbus_needs_command" -f -a "run" -d 'Run a command and publish how it ended'
complete -c eventbus -n "__fish_eventbus_needs_command" -f -a "outbox" -d 'Look at, send or forget the events that an outbox keeps'
complete -c eventbus -n "__fish_eventbus_needs_command" -f -a "trace" -d 'Show the path of one entity or trace through recordings, queues and topics'
complete -c eventbus -n "__fish_eventbus_needs_command" -f -a "purge" -d 'Delete every message of a queue, after saying what is in it'
complete -c eventbus -n "__fish_eventbus_needs_command" -f -a "tap" -d 'List the temporary queues that looking made, and remove those left behind'
complete -c eventbus -n "__fish_eventbus_needs_command" -f -a "explain" -d 'Say who gets an event, and which clause of the filter stops it at the others'
complete -c eventbus -n "__fish_eventbus_needs_command" -f -a "schema" -d 'Look at payload schemas, check payloads against them, make examples, and compare versions'
complete -c eventbus -n "__fish_eventbus_needs_command" -f -a "topology" -d 'Look at a topology: draw it, describe it, export it, or write it from a live bus'
complete -c eventbus -n "__fish_eventbus_needs_command" -f -a "iam-policy" -d 'Print the AWS permissions that verbs need, and no more'
complete -c eventbus -n "__fish_eventbus_needs_command" -f -a "local" -d 'The embedded bus: serve it to other programs, look into it, empty it'
complete -c eventbus -n "__fish_eventbus_needs_command" -f -a "init" -d 'Write a small project to start from: configuration, topology, a schema, a payload and a handler'
complete -c eventbus -n "__fish_eventbus_needs_command" -f -a "demo" -d 'Show the whole road on the embedded bus: provision, publish, explain, tail, consume, replay'
complete -c eventbus -n "__fish_eventbus_needs_command" -f -a "completions" -d 'Print the completion script of a shell'
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l input -d 'What the inputs hold [default: by the file\'s ending; stdin: json]' -r -f -a "json\t'One payload'
ndjson\t'A payload a line'
records\t'A record a line, as tail and recordings write them'
csv\t'A row of names, then a payload a row (`.tsv` with tabs)'"
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l event-field -d 'Take the event\'s name from this field of each input: a property\'s name, or a JSON pointer' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l map -d 'Make payloads of the inputs with this jq program: each of its outputs is one, and none skips the input' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l repeat -d 'Go through the inputs so many times' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l schema-version -d 'Check against this version of the schema [default: the highest]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l topic -d 'Publish to this topic (name or ARN) [default: `events:` of the topology]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l attr -d 'Add or replace a message attribute: `k=text`, `k:=5`, `k:=\'["a","b"]\'` (can be repeated)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l publisher -d 'Who publishes [default: `publisher:` of the configuration] [env: EVENTBUS_PUBLISHER]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l entity-id -d 'What the event is about [default: the payload\'s `id`, else random]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l entity-name -d 'The kind of thing it is about [default: the event\'s name]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l group-id -d 'The message group on a FIFO topic [default: `group_by:` of the topology, else the entity\'s id]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l dedup-id -d 'The deduplication id of the one message on a FIFO topic [default: random]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l rate -d 'Send at most so many events in so much time, such as `500/s` or `30/m`' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l concurrency -d 'Batches that may be on their way at once' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l outbox -d 'Keep each event in this file until the bus has confirmed it; the same command goes on where it was interrupted' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -s o -l output -d 'How to print the answer [default: table on a terminal, else ndjson]' -r -f -a "table\t''
ndjson\t''"
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l wait-for -d 'After publishing wait, through a tap, for one of these events about the same entity or of the same trace, and print it' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l timeout -d 'Wait no longer than this for the answers; exit 7 in vain' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l wait-topic -d 'The topic that the answers go to (can be repeated) [default: where the topology routes them]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -s f -l overlay -d 'Lay this file over the topology: mappings are merged, everything else is replaced, a key without a value removes (can be repeated)' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l var -d 'The value of `${NAME}` in the topology; without it the environment\'s (can be repeated)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l vars -d 'Take variables from this YAML file of `NAME: value` lines; `--var` goes before it (can be repeated)' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l all-or-nothing -d 'Send nothing if anything is refused'
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l personal-data -d 'Mark the event as containing personal data'
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l dry-run -d 'Send nothing: print the exact message and attributes'
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l show-personal-data -d 'On a terminal, show payloads that contain personal data in a dry run'
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand publish" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -l confirm -d 'Go ahead with what would be destroyed, by its name (can be repeated); `--yes` does not stand for it' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -l out -d 'Write the plan to this file and change nothing' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -l plan -d 'Carry out the plan of this file, if it still is what it was; variables are given again' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -s o -l output -d 'How the answer is written' -r -f -a "table\t''
json\t''"
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -s f -l overlay -d 'Lay this file over the topology: mappings are merged, everything else is replaced, a key without a value removes (can be repeated)' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -l var -d 'The value of `${NAME}` in the topology; without it the environment\'s (can be repeated)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -l vars -d 'Take variables from this YAML file of `NAME: value` lines; `--var` goes before it (can be repeated)' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -l dry-run -d 'Show the plan and change nothing'
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -l check -d 'Show the plan, change nothing, and end with 6 when something would be changed'
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -l refresh-only -d 'Show where the bus differs from what the file names, and change nothing; with `--prune` also what it does not name'
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -l prune -d 'Delete what this file made and does not have any more'
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -l destroy -d 'Delete all that this file made'
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -l adopt -d 'Take over what exists and carries no file\'s tag'
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -l allow-replace -d 'Replace what cannot be changed, such as a standard queue by a FIFO queue: the old one is deleted'
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -l strict -d 'Refuse a file with warnings, as one with errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand provision" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l topic -d 'Show what is published to this topic, through a tap (can be repeated)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l mode -d 'How to look' -r -f -a "auto\t'Whatever harms nothing: peek, else a tap, else receiving'
peek\t'Look without receiving, where the bus can'
tap\t'Hang a temporary queue beside it and see what comes from now on'
receive\t'Receive each message once, hold it, and give it back at the end'
drain\t'Receive each message, write it to --to, and delete it'"
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l to -d 'With `--mode drain`: the recording that messages are written to before they are deleted' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l confirm -d 'With `--mode drain`: go ahead without being asked, if this is the queue\'s name; on a protected bus `--yes` is not enough' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l event -d 'Events of this name: `UserRegistered`, `User*`, `UserService.*` (can be repeated: any of them)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l entity -d 'Events about the entity with this id (can be repeated: any of them)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l attr -d 'Messages whose attribute K is V, or a list that holds V (can be repeated: all of them)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l where -d 'Messages for whose record this jq program says yes: `.event.payload.plan == "pro"` (can be repeated: all of them)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l filter -d 'Messages that pass the SNS filter policy in this file' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l filter-scope -d 'What that policy looks at' -r -f -a "attributes\t'The message attributes'
body\t'The message body'"
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l grep -d 'Messages with this text in the body or an attribute; a text without capitals is found in any case' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l since -d 'Sent at this time or later: `10m` (ago), `2026-11-23`, `2026-11-23T08:00:00Z`' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l until -d 'Sent before this time, written the same way' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l sample -d 'Only this share of them, always the same ones: `10%`' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l count -d 'End after so many' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l idle -d 'End when nothing came for so long' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l for -d 'End after so long' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l format -d 'Write a line of your own for each message: `{time} {event} {payload.email} {attr.tier}`' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l dump -d 'Write each message into a file of its own in this folder, too: whole, personal data included, and readable by you alone' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -s o -l output -d 'How to write the messages [default: pretty on a terminal, else ndjson]' -r -f -a "pretty\t''
ndjson\t''"
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -s f -l overlay -d 'Lay this file over the topology: mappings are merged, everything else is replaced, a key without a value removes (can be repeated)' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l var -d 'The value of `${NAME}` in the topology; without it the environment\'s (can be repeated)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l vars -d 'Take variables from this YAML file of `NAME: value` lines; `--var` goes before it (can be repeated)' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l force -d 'Look even where looking can dead-letter a message or block a FIFO group'
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l print0 -d 'End each message with a NUL instead of a line feed'
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l validate -d 'Mark events whose payload breaks their schema'
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l show-personal-data -d 'Show payloads marked as personal data on a terminal, too'
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand tail" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -l by -d 'Group by this (can be repeated) [default: event, source and reason]' -r -f -a "event\t'The event\'s name'
publisher\t'Who published it'
queue\t'The queue it lies in'
source\t'The queue it was dead-lettered from'
reason\t'Why it was rejected, or is no event'
age\t'How long ago it was sent'
receives\t'How often it was received'"
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -l for -d 'Look no longer than this' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -l event -d 'Events of this name: `UserRegistered`, `User*`, `UserService.*` (can be repeated: any of them)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -l entity -d 'Events about the entity with this id (can be repeated: any of them)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -l attr -d 'Messages whose attribute K is V, or a list that holds V (can be repeated: all of them)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -l where -d 'Messages for whose record this jq program says yes: `.event.payload.plan == "pro"` (can be repeated: all of them)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -l filter -d 'Messages that pass the SNS filter policy in this file' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -l filter-scope -d 'What that policy looks at' -r -f -a "attributes\t'The message attributes'
body\t'The message body'"
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -l grep -d 'Messages with this text in the body or an attribute; a text without capitals is found in any case' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -l since -d 'Sent at this time or later: `10m` (ago), `2026-11-23`, `2026-11-23T08:00:00Z`' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -l until -d 'Sent before this time, written the same way' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -s o -l output -d 'How the answer is written' -r -f -a "table\t''
json\t''"
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -l force -d 'Look even where looking can dead-letter a message or block a FIFO group'
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l topic -d 'Record what is published to this topic, through a tap (can be repeated)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l to -d 'The file, appended to: `events.ndjson` or `events.ndjson.zst`' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l rotate-size -d 'Put the file aside (`events.0001.ndjson`) and begin a new one when it has so many bytes: `100MiB`' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l rotate-every -d 'The same when it was begun so long ago: `1h`' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l mode -d 'How to look' -r -f -a "auto\t'Whatever harms nothing: peek, else a tap, else receiving'
peek\t'Look without receiving, where the bus can'
tap\t'Hang a temporary queue beside it and see what comes from now on'
receive\t'Receive each message once, hold it, and give it back at the end'
drain\t'Receive each message, write it to --to, and delete it'"
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l event -d 'Events of this name: `UserRegistered`, `User*`, `UserService.*` (can be repeated: any of them)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l entity -d 'Events about the entity with this id (can be repeated: any of them)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l attr -d 'Messages whose attribute K is V, or a list that holds V (can be repeated: all of them)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l where -d 'Messages for whose record this jq program says yes: `.event.payload.plan == "pro"` (can be repeated: all of them)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l filter -d 'Messages that pass the SNS filter policy in this file' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l filter-scope -d 'What that policy looks at' -r -f -a "attributes\t'The message attributes'
body\t'The message body'"
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l grep -d 'Messages with this text in the body or an attribute; a text without capitals is found in any case' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l since -d 'Sent at this time or later: `10m` (ago), `2026-11-23`, `2026-11-23T08:00:00Z`' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l until -d 'Sent before this time, written the same way' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l sample -d 'Only this share of them, always the same ones: `10%`' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l count -d 'End after so many' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l idle -d 'End when nothing came for so long' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l for -d 'End after so long' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -s o -l output -d 'Answer with one JSON document' -r -f -a "json\t''"
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l force -d 'Look even where looking can dead-letter a message or block a FIFO group'
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand record" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l exec -d 'Run this shell line (`sh -c`)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l on -d 'Run this shell line for events of this name; `*` stands for any text. Can be repeated; `--exec` gets the rest' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l forward -d 'Post each event to this URL' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l protocol -d 'How commands are spoken to [default: `spawn`]' -r -f -a "spawn\t'A process for each event'
batch\t'A process for each batch of events: lines in, lines out'
stream\t'Processes that stay: lines in, lines out'"
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l batch -d 'Hand up to so many events to a process, with `--protocol batch`, which this chooses [default: 100]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l batch-wait -d 'Fill a batch for so long, with `--protocol batch`, which this chooses [default: 1s]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l inflight -d 'Hand so many events at once to each process, with `--protocol stream`, which this chooses [default: 1]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l stdin -d 'What handlers read' -r -f -a "event\t'`{"metadata":{…},"payload":{…}}` in one line'
payload\t'The payload alone'
record\t'The record: event, body, attributes and system fields in one line'
body\t'The queue\'s body, to the last byte'"
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l workers -d 'How many processes or requests run at once, for each handler [default: 1]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l timeout -d 'How long one may run; the message is kept from others meanwhile [default: `consume.timeout` of the configuration, else the queue\'s visibility timeout]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l unhandled -d 'What becomes of events without a handler' -r -f -a "ack\t'Acknowledge it'
leave\t'Leave it: it is seen again after its visibility timeout'
reject\t'Move it to the dead-letter queue; leave it where there is none'"
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l invalid -d 'What becomes of messages that are no events or, with `--validate`, not as their schema says' -r -f -a "ack\t'Acknowledge it'
leave\t'Leave it: it is seen again after its visibility timeout'
reject\t'Move it to the dead-letter queue; leave it where there is none'"
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l order-by -d 'Handle events one after another that are alike in this: `entity_id`, or a JSON pointer into the payload. FIFO queues are always handled in order' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l rate -d 'Start no more than so many, such as `10/s` or `30/m`' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l pause-after -d 'Pause when too much fails, such as `20 failures in 1m`; then try one event at a time until one is handled' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l max-memory -d 'Hold no more than so much of bodies, such as `64MiB`' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l dedupe -d 'Remember what was handled for so long, and skip it when it comes again [default: 24h]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l dedupe-by -d 'What makes two messages the same' -r -f -a "message\t'The message\'s id'
event\t'Event name, entity id, publish date and payload'"
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l dedupe-file -d 'Where it is remembered; processes that name the same file share it [default: `.eventbus/handled.db`]' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l on-success -d 'Publish this event for each handled one, with the handler\'s stdout as payload if that is a JSON object, else with the event\'s own' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l on-failure -d 'Publish this event when one failed for good' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l failure-on -d 'After which failures `--on-failure` is published' -r -f -a "final\t'The last attempt that the queue allows, and rejections'
every\t'Every attempt'"
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l count -d 'End after so many events' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l idle -d 'End when nothing came for so long' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l drain-timeout -d 'After the first signal, end commands that still run after so long [default: their own timeout]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l metrics -d 'Answer `/metrics` (Prometheus), `/healthz` and `/readyz` here; a port alone is on the loopback address' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l log -d 'What stderr is written as' -r -f -a "text\t'Sentences'
json\t'A JSON object a line, with ids and trace'"
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -s o -l output -d '`pretty`: the commands\' stdout on stdout, what became of each event on stderr. `json`: the summary on stdout; `ndjson`: a line for each event and the summary; with these two the commands\' stdout goes to stderr' -r -f -a "pretty\t''
json\t''
ndjson\t''"
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l validate -d 'Check payloads against the schemas first'
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l drain -d 'End when nothing is left to receive'
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l fail-on-error -d 'Exit with 3 if an event failed, was rejected or was left'
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l dry-run -d 'Show which handler would get which waiting message, and do nothing. On the embedded bus looking is free'
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l force -d 'With `--dry-run`: look even where each look is a receive'
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand consume" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l to -d 'Where to: `origin`, `queue:NAME`, `topic:NAME` (published again) or `file:FILE` (records, appended)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l to-context -d 'Send to this context of eventbus.yaml instead of the source\'s own' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l limit -d 'At most so many' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l edit -d 'Change each record\'s `.event.payload` or `.attributes` on the way; payloads are checked again (can be repeated)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l rate -d 'At most so many messages a second' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l speed -d 'A recording\'s own rhythm, so many times as fast: `1x`, `10x`, `0.5x`' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l concurrency -d 'Calls of one kind at a time [default: 8, on the embedded bus 32]; FIFO queues keep their order whatever it is' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l resume -d 'Go on with a replay that was interrupted: its journal, or the latest' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l forget -d 'Remove a journal: what it says cannot be resumed any more' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l confirm -d 'Go ahead without being asked, if this is the source\'s name (into a protected context: the destination\'s); there `--yes` is not enough (can be repeated)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -s o -l output -d 'How to report [default: pretty on a terminal, else ndjson]' -r -f -a "pretty\t''
ndjson\t''"
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l event -d 'Events of this name: `UserRegistered`, `User*`, `UserService.*` (can be repeated: any of them)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l entity -d 'Events about the entity with this id (can be repeated: any of them)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l attr -d 'Messages whose attribute K is V, or a list that holds V (can be repeated: all of them)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l where -d 'Messages for whose record this jq program says yes: `.event.payload.plan == "pro"` (can be repeated: all of them)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l filter -d 'Messages that pass the SNS filter policy in this file' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l filter-scope -d 'What that policy looks at' -r -f -a "attributes\t'The message attributes'
body\t'The message body'"
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l grep -d 'Messages with this text in the body or an attribute; a text without capitals is found in any case' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l since -d 'Sent at this time or later: `10m` (ago), `2026-11-23`, `2026-11-23T08:00:00Z`' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l until -d 'Sent before this time, written the same way' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l dry-run -d 'Only show what would be done'
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l copy -d 'Leave the originals where they are'
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l force -d 'Go on even where looking can dead-letter a message that is to stay: with a selection, a copy, or a dry run that has to receive'
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l republish -d 'Give each event a fresh publish date and trace'
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l native -d 'Let SQS move the whole dead-letter queue by itself'
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l journals -d 'List the journals of replays that were interrupted or left something'
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand replay" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l on-success -d 'The event to publish when the command exits with 0' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l on-failure -d 'The event to publish when it does not' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l payload -d 'The success event\'s payload: JSON text, or a file that is read when the command has ended' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l id -d 'What the task is about: `data.id` of the failure event [default: the payload\'s `id`, else random]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l code -d '`code` of the failure event' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l origin -d '`origin` of the failure event' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l topic -d 'Publish to this topic (name or ARN) [default: `events:` of the topology]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l attr -d 'Add or replace a message attribute: `k=text`, `k:=5`, `k:=\'["a","b"]\'` (can be repeated)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l publisher -d 'Who publishes [default: `publisher:` of the configuration] [env: EVENTBUS_PUBLISHER]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l outbox -d 'Keep the event in this file until the bus has confirmed it' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l retries -d 'Try a command that failed so many times more; exit 65, 126 and 127 are final [default: 0; 15 without a number]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l backoff -d 'The longest wait before the first retry; doubles with each, half of it is random' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l max-backoff -d 'The longest wait before any retry' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l timeout -d 'End an attempt that takes longer: TERM to its process group, KILL 5 s later' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l exec -d 'Run this shell line (`sh -c`)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -s f -l overlay -d 'Lay this file over the topology: mappings are merged, everything else is replaced, a key without a value removes (can be repeated)' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l var -d 'The value of `${NAME}` in the topology; without it the environment\'s (can be repeated)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l vars -d 'Take variables from this YAML file of `NAME: value` lines; `--var` goes before it (can be repeated)' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and not __fish_seen_subcommand_from list flush drop" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and not __fish_seen_subcommand_from list flush drop" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and not __fish_seen_subcommand_from list flush drop" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and not __fish_seen_subcommand_from list flush drop" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and not __fish_seen_subcommand_from list flush drop" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and not __fish_seen_subcommand_from list flush drop" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and not __fish_seen_subcommand_from list flush drop" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and not __fish_seen_subcommand_from list flush drop" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and not __fish_seen_subcommand_from list flush drop" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and not __fish_seen_subcommand_from list flush drop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and not __fish_seen_subcommand_from list flush drop" -f -a "list" -d 'Show the events that are not sent'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and not __fish_seen_subcommand_from list flush drop" -f -a "flush" -d 'Send the events that are not sent, in the order in which they came'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and not __fish_seen_subcommand_from list flush drop" -f -a "drop" -d 'Forget events that are not sent'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from list" -s o -l output -d 'How to print the answer [default: table on a terminal, else ndjson]' -r -f -a "table\t''
ndjson\t''"
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from list" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from list" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from list" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from list" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from list" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from list" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from list" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from flush" -s o -l output -d 'How to print the answer [default: table on a terminal, else ndjson]' -r -f -a "table\t''
ndjson\t''"
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from flush" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from flush" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from flush" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from flush" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from flush" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from flush" -l any-bus -d 'Send them to this bus, whichever they were meant for'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from flush" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from flush" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from flush" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from flush" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from flush" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from drop" -l id -d 'Only the event of this number (can be repeated) [default: all]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from drop" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from drop" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from drop" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from drop" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from drop" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from drop" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from drop" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from drop" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from drop" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand outbox; and __fish_seen_subcommand_from drop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand trace" -l topic -d 'Watch what is published to this topic, through a tap (can be repeated)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand trace" -l count -d 'End after so many' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand trace" -l idle -d 'End when nothing came for so long' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand trace" -l for -d 'End after so long' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand trace" -s o -l output -d 'How the answer is written' -r -f -a "text\t''
json\t''"
complete -c eventbus -n "__fish_eventbus_using_subcommand trace" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand trace" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand trace" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand trace" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand trace" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand trace" -l force -d 'Look even where looking can dead-letter a message or block a FIFO group'
complete -c eventbus -n "__fish_eventbus_using_subcommand trace" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand trace" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand trace" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand trace" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand trace" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand purge" -l backup -d 'Write every message into this recording first, and delete no other' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand purge" -l confirm -d 'Go ahead without being asked, if this is the queue\'s name' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand purge" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand purge" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand purge" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand purge" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand purge" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand purge" -l dry-run -d 'Only say what would be deleted'
complete -c eventbus -n "__fish_eventbus_using_subcommand purge" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand purge" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand purge" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand purge" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand purge" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and not __fish_seen_subcommand_from list sweep" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and not __fish_seen_subcommand_from list sweep" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and not __fish_seen_subcommand_from list sweep" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and not __fish_seen_subcommand_from list sweep" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and not __fish_seen_subcommand_from list sweep" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and not __fish_seen_subcommand_from list sweep" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and not __fish_seen_subcommand_from list sweep" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and not __fish_seen_subcommand_from list sweep" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and not __fish_seen_subcommand_from list sweep" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and not __fish_seen_subcommand_from list sweep" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and not __fish_seen_subcommand_from list sweep" -f -a "list" -d 'List the taps of this bus'
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and not __fish_seen_subcommand_from list sweep" -f -a "sweep" -d 'Remove the taps whose process or lease has ended, and subscriptions that lead to none'
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and __fish_seen_subcommand_from list" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and __fish_seen_subcommand_from list" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and __fish_seen_subcommand_from list" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and __fish_seen_subcommand_from list" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and __fish_seen_subcommand_from list" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and __fish_seen_subcommand_from list" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and __fish_seen_subcommand_from list" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and __fish_seen_subcommand_from sweep" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and __fish_seen_subcommand_from sweep" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and __fish_seen_subcommand_from sweep" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and __fish_seen_subcommand_from sweep" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and __fish_seen_subcommand_from sweep" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and __fish_seen_subcommand_from sweep" -l all -d 'Also those that somebody still looks through'
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and __fish_seen_subcommand_from sweep" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and __fish_seen_subcommand_from sweep" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and __fish_seen_subcommand_from sweep" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and __fish_seen_subcommand_from sweep" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand tap; and __fish_seen_subcommand_from sweep" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand explain" -l why-not -d 'Only say whether this queue gets it, and why not' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand explain" -l topic -d 'The topic [default: where the topology routes the event]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand explain" -l attr -d 'A message attribute more: `k=text`, `k:=5`, `k:=\'["a"]\'` (can be repeated)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand explain" -l publisher -d 'Who publishes it [default: `publisher` of eventbus.yaml]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand explain" -s o -l output -d 'How the answer is written; mermaid, dot and svg draw --all-events' -r -f -a "table\t''
json\t''
mermaid\t''
dot\t''
svg\t''"
complete -c eventbus -n "__fish_eventbus_using_subcommand explain" -s f -l overlay -d 'Lay this file over the topology: mappings are merged, everything else is replaced, a key without a value removes (can be repeated)' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand explain" -l var -d 'The value of `${NAME}` in the topology; without it the environment\'s (can be repeated)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand explain" -l vars -d 'Take variables from this YAML file of `NAME: value` lines; `--var` goes before it (can be repeated)' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand explain" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand explain" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand explain" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand explain" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand explain" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand explain" -l live -d 'Ask the bus who subscribes, instead of the topology'
complete -c eventbus -n "__fish_eventbus_using_subcommand explain" -l all-events -d 'Every event of the routing table and of the schemas, and which queues get it'
complete -c eventbus -n "__fish_eventbus_using_subcommand explain" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand explain" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand explain" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand explain" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and not __fish_seen_subcommand_from list show check example new lint diff infer import export" -l schemas -d 'The folder of schemas [default: `schemas:` of eventbus.yaml, else schemas/]' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and not __fish_seen_subcommand_from list show check example new lint diff infer import export" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and not __fish_seen_subcommand_from list show check example new lint diff infer import export" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and not __fish_seen_subcommand_from list show check example new lint diff infer import export" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and not __fish_seen_subcommand_from list show check example new lint diff infer import export" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and not __fish_seen_subcommand_from list show check example new lint diff infer import export" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and not __fish_seen_subcommand_from list show check example new lint diff infer import export" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and not __fish_seen_subcommand_from list show check example new lint diff infer import export" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and not __fish_seen_subcommand_from list show check example new lint diff infer import export" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and not __fish_seen_subcommand_from list show check example new lint diff infer import export" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and not __fish_seen_subcommand_from list show check example new lint diff infer import export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and not __fish_seen_subcommand_from list show check example new lint diff infer import export" -f -a "list" -d 'List the events that have a schema'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and not __fish_seen_subcommand_from list show check example new lint diff infer import export" -f -a "show" -d 'Show an event\'s schema: what it is about, its fields, its versions'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and not __fish_seen_subcommand_from list show check example new lint diff infer import export" -f -a "check" -d 'Check payload files against their schemas, or the schemas against older ones'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and not __fish_seen_subcommand_from list show check example new lint diff infer import export" -f -a "example" -d 'Make payloads that are valid, and the same for the same seed'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and not __fish_seen_subcommand_from list show check example new lint diff infer import export" -f -a "new" -d 'Write the schema of a new event to start from'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and not __fish_seen_subcommand_from list show check example new lint diff infer import export" -f -a "lint" -d 'Look for mistakes in the schemas that validators pass over in silence'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and not __fish_seen_subcommand_from list show check example new lint diff infer import export" -f -a "diff" -d 'Say what changes between two schemas, and whom it breaks'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and not __fish_seen_subcommand_from list show check example new lint diff infer import export" -f -a "infer" -d 'Write a schema that fits samples of payloads'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and not __fish_seen_subcommand_from list show check example new lint diff infer import export" -f -a "import" -d 'Write the schemas of the registry that the Python library prints'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and not __fish_seen_subcommand_from list show check example new lint diff infer import export" -f -a "export" -d 'Write all schemas as one bundle, as AsyncAPI, or as a page for people'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from list" -s o -l output -d 'How the answer is written' -r -f -a "table\t''
json\t''"
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from list" -l schemas -d 'The folder of schemas [default: `schemas:` of eventbus.yaml, else schemas/]' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from list" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from list" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from list" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from list" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from list" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from list" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from list" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from show" -s o -l output -d 'How the answer is written' -r -f -a "table\t''
json\t''
yaml\t''"
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from show" -l schemas -d 'The folder of schemas [default: `schemas:` of eventbus.yaml, else schemas/]' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from show" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from show" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from show" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from show" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from show" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from show" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from show" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from check" -l max-errors -d 'Tell no more than so many violations' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from check" -l against -d 'Compare the schemas with those of this folder, or of this commit, branch or tag of git' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from check" -l mode -d 'Whom a change must not break [default: full]' -r -f -a "backward\t'Payloads of the old schema pass the new one: stored events, and producers that still have the old one'
forward\t'Payloads of the new schema pass the old one: consumers that still have the old one'
full\t'Both'"
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from check" -s o -l output -d 'How the answer is written; markdown with `--against`' -r -f -a "table\t''
json\t''
markdown\t''"
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from check" -l schemas -d 'The folder of schemas [default: `schemas:` of eventbus.yaml, else schemas/]' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from check" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from check" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from check" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from check" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from check" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from check" -l ndjson -d 'A payload a line [default: by the file\'s ending]'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from check" -l strict -d 'Take schemas at their word: payloads may hold what is not described, consumers refuse what they do not know, and what cannot be decided breaks'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from check" -l transitive -d 'Compare with every older version, not with the highest alone'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from check" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from check" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from example" -l count -d 'How many' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from example" -l seed -d 'Where to begin: another number makes others' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from example" -s o -l output -d 'How they are written [default: json for one, ndjson for several]' -r -f -a "json\t''
ndjson\t''"
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from example" -l schemas -d 'The folder of schemas [default: `schemas:` of eventbus.yaml, else schemas/]' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from example" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from example" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from example" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from example" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from example" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from example" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from example" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from example" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from example" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from example" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from new" -l schemas -d 'The folder of schemas [default: `schemas:` of eventbus.yaml, else schemas/]' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from new" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from new" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from new" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from new" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from new" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from new" -l failure -d 'Begin with the base of failure events [default: when the name ends in `Failed`]'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from new" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from new" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from new" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from new" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from lint" -s o -l output -d 'How the answer is written' -r -f -a "table\t''
json\t''"
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from lint" -l schemas -d 'The folder of schemas [default: `schemas:` of eventbus.yaml, else schemas/]' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from lint" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from lint" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from lint" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from lint" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from lint" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from lint" -l deny-warnings -d 'Exit with 4 on warnings, too'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from lint" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from lint" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from lint" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from lint" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from lint" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from diff" -l mode -d 'Whom a change must not break [default: full]' -r -f -a "backward\t'Payloads of the old schema pass the new one: stored events, and producers that still have the old one'
forward\t'Payloads of the new schema pass the old one: consumers that still have the old one'
full\t'Both'"
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from diff" -s o -l output -d 'How the answer is written' -r -f -a "table\t''
json\t''
markdown\t''"
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from diff" -l schemas -d 'The folder of schemas [default: `schemas:` of eventbus.yaml, else schemas/]' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from diff" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from diff" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from diff" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from diff" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from diff" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from diff" -l strict -d 'Take schemas at their word: payloads may hold what is not described, consumers refuse what they do not know, and what cannot be decided breaks'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from diff" -l transitive -d 'Compare with every older version, not with the highest alone'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from diff" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from diff" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from diff" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from diff" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from infer" -l event -d 'The event\'s name, for the title [default: that of the file]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from infer" -l out -d 'Write here instead of to stdout' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from infer" -l schemas -d 'The folder of schemas [default: `schemas:` of eventbus.yaml, else schemas/]' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from infer" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from infer" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from infer" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from infer" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from infer" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from infer" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from infer" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from infer" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from infer" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from infer" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from import" -l schemas -d 'The folder of schemas [default: `schemas:` of eventbus.yaml, else schemas/]' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from import" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from import" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from import" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from import" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from import" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from import" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from import" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from import" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from export" -l out -d 'Write here instead of to stdout' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from export" -l schemas -d 'The folder of schemas [default: `schemas:` of eventbus.yaml, else schemas/]' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from export" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from export" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from export" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from export" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from export" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from export" -l bundle -d 'One JSON Schema with every event under `$defs`'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from export" -l asyncapi -d 'AsyncAPI 3.0'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from export" -l markdown -d 'A page in Markdown, with an example of each event'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from export" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from export" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand schema; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and not __fish_seen_subcommand_from pull graph docs export" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and not __fish_seen_subcommand_from pull graph docs export" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and not __fish_seen_subcommand_from pull graph docs export" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and not __fish_seen_subcommand_from pull graph docs export" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and not __fish_seen_subcommand_from pull graph docs export" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and not __fish_seen_subcommand_from pull graph docs export" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and not __fish_seen_subcommand_from pull graph docs export" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and not __fish_seen_subcommand_from pull graph docs export" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and not __fish_seen_subcommand_from pull graph docs export" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and not __fish_seen_subcommand_from pull graph docs export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and not __fish_seen_subcommand_from pull graph docs export" -f -a "pull" -d 'Write the topology file of what stands at the bus'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and not __fish_seen_subcommand_from pull graph docs export" -f -a "graph" -d 'Draw topics, filters, queues and dead letters'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and not __fish_seen_subcommand_from pull graph docs export" -f -a "docs" -d 'Write a catalogue in Markdown: who gets which event, and where dead letters go'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and not __fish_seen_subcommand_from pull graph docs export" -f -a "export" -d 'Write the topology in another tool\'s language'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from pull" -l match -d 'Take only topics and queues with such names; `*` is any text (can be repeated)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from pull" -l name -d 'The topology\'s name [default: that of the topology which made it all, else `pulled`]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from pull" -l out -d 'Write here instead of to stdout' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from pull" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from pull" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from pull" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from pull" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from pull" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from pull" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from pull" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from pull" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from pull" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from pull" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from graph" -l out -d 'Write here instead of to stdout' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from graph" -s f -l overlay -d 'Lay this file over the topology: mappings are merged, everything else is replaced, a key without a value removes (can be repeated)' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from graph" -l var -d 'The value of `${NAME}` in the topology; without it the environment\'s (can be repeated)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from graph" -l vars -d 'Take variables from this YAML file of `NAME: value` lines; `--var` goes before it (can be repeated)' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from graph" -s o -l output -d 'How it is drawn: a tree, a Mermaid flowchart, Graphviz, or a picture' -r -f -a "text\t''
mermaid\t''
dot\t''
svg\t''"
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from graph" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from graph" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from graph" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from graph" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from graph" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from graph" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from graph" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from graph" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from graph" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from graph" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from docs" -l out -d 'Write here instead of to stdout' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from docs" -s f -l overlay -d 'Lay this file over the topology: mappings are merged, everything else is replaced, a key without a value removes (can be repeated)' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from docs" -l var -d 'The value of `${NAME}` in the topology; without it the environment\'s (can be repeated)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from docs" -l vars -d 'Take variables from this YAML file of `NAME: value` lines; `--var` goes before it (can be repeated)' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from docs" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from docs" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from docs" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from docs" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from docs" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from docs" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from docs" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from docs" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from docs" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from docs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from export" -l out -d 'Write here instead of to stdout' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from export" -s f -l overlay -d 'Lay this file over the topology: mappings are merged, everything else is replaced, a key without a value removes (can be repeated)' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from export" -l var -d 'The value of `${NAME}` in the topology; without it the environment\'s (can be repeated)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from export" -l vars -d 'Take variables from this YAML file of `NAME: value` lines; `--var` goes before it (can be repeated)' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from export" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from export" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from export" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from export" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from export" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from export" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from export" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand topology; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -l topology -d 'The topology [default: `topology:` of eventbus.yaml, else topology.yaml]' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -l topic -d 'For `publish` and `tail`: only this topic (can be repeated) [default: those that events go to; for `tail`, those that feed its queues]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -l queue -d 'For `consume`, `tail` and `replay`: only this queue (can be repeated) [default: all working queues; for `replay`, all dead-letter queues]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -l on-success -d 'For `consume`: publish this event for each handled one, too' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -l on-failure -d 'For `consume`: publish this event when one failed, too' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -l mode -d 'For `tail`: how it looks [default: auto]' -r -f -a "auto\t'Through a tap, else by receiving'
tap\t'Only through a tap'
receive\t'By receiving and giving back'
drain\t'By receiving and deleting'"
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -l to -d 'For `replay`: where to: `origin`, `queue:NAME`, `topic:NAME` or `file:FILE` [default: origin]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -l to-context -d 'For `replay`: to this context of eventbus.yaml. The credentials of both need the policy; each uses what is in its account' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -l account -d 'The account of the topics and queues [default: the context\'s]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -s f -l overlay -d 'Lay this file over the topology: mappings are merged, everything else is replaced, a key without a value removes (can be repeated)' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -l var -d 'The value of `${NAME}` in the topology; without it the environment\'s (can be repeated)' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -l vars -d 'Take variables from this YAML file of `NAME: value` lines; `--var` goes before it (can be repeated)' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -l native -d 'For `replay`: SQS moves the whole queue by itself'
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -l prune -d 'For `provision`: deletions too (`--prune`, `--destroy`, `--allow-replace`). Queues only where they carry the topology\'s tag; SNS has no such condition, so any topic of the prefix (without one: any topic) may be deleted by who has this policy'
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand iam-policy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and not __fish_seen_subcommand_from serve status reset env" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and not __fish_seen_subcommand_from serve status reset env" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and not __fish_seen_subcommand_from serve status reset env" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and not __fish_seen_subcommand_from serve status reset env" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and not __fish_seen_subcommand_from serve status reset env" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and not __fish_seen_subcommand_from serve status reset env" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and not __fish_seen_subcommand_from serve status reset env" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and not __fish_seen_subcommand_from serve status reset env" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and not __fish_seen_subcommand_from serve status reset env" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and not __fish_seen_subcommand_from serve status reset env" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and not __fish_seen_subcommand_from serve status reset env" -f -a "serve" -d 'Answer SNS and SQS requests on a loopback port until interrupted'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and not __fish_seen_subcommand_from serve status reset env" -f -a "status" -d 'Show topics, queues with their messages, and subscriptions'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and not __fish_seen_subcommand_from serve status reset env" -f -a "reset" -d 'Remove everything from the bus file: topics, queues, subscriptions and messages'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and not __fish_seen_subcommand_from serve status reset env" -f -a "env" -d 'Print the shell variables with which SDKs and the aws CLI find a bus that is being served'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from serve" -l port -d 'The port; 0 takes any free one and prints it' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from serve" -l bind -d 'Listen on this address instead of 127.0.0.1; every request must then be signed with the key of `--credentials-file`, or of EVENTBUS_SERVE_ACCESS_KEY_ID and EVENTBUS_SERVE_SECRET_ACCESS_KEY' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from serve" -l credentials-file -d 'Answer only what is signed with the key in this file, written as AWS writes its own' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from serve" -l allow-host -d 'Answer requests to this name, too, besides localhost; may be given several times' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from serve" -l allow-origin -d 'Answer web pages of this origin; may be given several times' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from serve" -l path -d 'The bus file [default: the local context\'s, .eventbus/bus.db]' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from serve" -l init -d 'Make what this topology says before the URL is printed' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from serve" -l recreate-window -d 'Refuse to make a queue that was deleted again for so many seconds; AWS: 60' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from serve" -l purge-window -d 'Refuse to purge a queue again for so many seconds; AWS: 60' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from serve" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from serve" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from serve" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from serve" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from serve" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from serve" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from serve" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from serve" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from serve" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from status" -l path -d 'The bus file [default: the local context\'s, .eventbus/bus.db]' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from status" -s o -l output -d 'How the answer is written' -r -f -a "table\t''
json\t''"
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from status" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from status" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from status" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from status" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from status" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from status" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from status" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from reset" -l path -d 'The bus file [default: the local context\'s, .eventbus/bus.db]' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from reset" -l confirm -d 'Where the context is protected: its name, in place of typing it' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from reset" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from reset" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from reset" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from reset" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from reset" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from reset" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from reset" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from reset" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from reset" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from reset" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from env" -l port -d 'The port on 127.0.0.1 that `local serve` listens on' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from env" -l shell -d 'The shell that is to read them' -r -f -a "sh\t'sh, bash, zsh, dash, ksh: `export NAME=VALUE`'
fish\t'fish: `set -gx NAME VALUE`'"
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from env" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from env" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from env" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from env" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from env" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from env" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from env" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from env" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from env" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand local; and __fish_seen_subcommand_from env" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand init" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand init" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand init" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand init" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand init" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand init" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand init" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand init" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand init" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand demo" -l dir -d 'Work in this new folder and keep it [default: a temporary one that is removed]' -r -F
complete -c eventbus -n "__fish_eventbus_using_subcommand demo" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand demo" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand demo" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand demo" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand demo" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand demo" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand demo" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand demo" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand demo" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eventbus -n "__fish_eventbus_using_subcommand completions" -l context -d 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand completions" -l profile -d 'Use AWS with this profile' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand completions" -l region -d 'Use AWS in this region' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand completions" -l endpoint-url -d 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]' -r
complete -c eventbus -n "__fish_eventbus_using_subcommand completions" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even on a pipe'
never\t'Not at all'"
complete -c eventbus -n "__fish_eventbus_using_subcommand completions" -s y -l yes -d 'Answer yes to questions'
complete -c eventbus -n "__fish_eventbus_using_subcommand completions" -s q -l quiet -d 'Print only the answer, warnings and errors'
complete -c eventbus -n "__fish_eventbus_using_subcommand completions" -s v -l verbose -d 'Say more about what is done'
complete -c eventbus -n "__fish_eventbus_using_subcommand completions" -l show-settings -d 'Print the resolved settings and where each came from, and end'
complete -c eventbus -n "__fish_eventbus_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
