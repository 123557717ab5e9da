
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'eventbus' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'eventbus'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'eventbus' {
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use AWS with this profile')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Use AWS in this region')
            [CompletionResult]::new('--endpoint-url', '--endpoint-url', [CompletionResultType]::ParameterName, 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--show-settings', '--show-settings', [CompletionResultType]::ParameterName, 'Print the resolved settings and where each came from, and end')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('publish', 'publish', [CompletionResultType]::ParameterValue, 'Check payloads against the event''s schema and publish them to its topic')
            [CompletionResult]::new('provision', 'provision', [CompletionResultType]::ParameterValue, 'Plan and apply topics, queues, dead-letter queues, policies and subscriptions')
            [CompletionResult]::new('tail', 'tail', [CompletionResultType]::ParameterValue, 'Show what waits in a queue, then what comes, each message once')
            [CompletionResult]::new('consume', 'consume', [CompletionResultType]::ParameterValue, 'Run a command for each event of a queue, and acknowledge by its exit code')
            [CompletionResult]::new('replay', 'replay', [CompletionResultType]::ParameterValue, 'Send the messages of a dead-letter queue back to their origin, or those of any queue to another')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Say who gets an event, and which clause of the filter stops it at the others')
            [CompletionResult]::new('local', 'local', [CompletionResultType]::ParameterValue, 'The embedded bus as an endpoint for other programs')
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Write a small project to start from: configuration, topology, a schema, a payload and a handler')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Show the whole road on the embedded bus: provision, publish, explain, tail, consume, replay')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script of a shell')
            break
        }
        'eventbus;publish' {
            [CompletionResult]::new('--input', '--input', [CompletionResultType]::ParameterName, 'What the inputs hold [default: by the file''s ending; stdin: json]')
            [CompletionResult]::new('--schema-version', '--schema-version', [CompletionResultType]::ParameterName, 'Check against this version of the schema [default: the highest]')
            [CompletionResult]::new('--topic', '--topic', [CompletionResultType]::ParameterName, 'Publish to this topic (name or ARN) [default: `events:` of the topology]')
            [CompletionResult]::new('--attr', '--attr', [CompletionResultType]::ParameterName, 'Add or replace a message attribute: `k=text`, `k:=5`, `k:=''["a","b"]''` (can be repeated)')
            [CompletionResult]::new('--publisher', '--publisher', [CompletionResultType]::ParameterName, 'Who publishes [default: `publisher:` of the configuration] [env: EVENTBUS_PUBLISHER]')
            [CompletionResult]::new('--entity-id', '--entity-id', [CompletionResultType]::ParameterName, 'What the event is about [default: the payload''s `id`, else random]')
            [CompletionResult]::new('--entity-name', '--entity-name', [CompletionResultType]::ParameterName, 'The kind of thing it is about [default: the event''s name]')
            [CompletionResult]::new('--group-id', '--group-id', [CompletionResultType]::ParameterName, 'The message group on a FIFO topic [default: `group_by:` of the topology, else the entity''s id]')
            [CompletionResult]::new('--dedup-id', '--dedup-id', [CompletionResultType]::ParameterName, 'The deduplication id of the one message on a FIFO topic [default: random]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How to print the answer [default: table on a terminal, else ndjson]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How to print the answer [default: table on a terminal, else ndjson]')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use AWS with this profile')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Use AWS in this region')
            [CompletionResult]::new('--endpoint-url', '--endpoint-url', [CompletionResultType]::ParameterName, 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour')
            [CompletionResult]::new('--all-or-nothing', '--all-or-nothing', [CompletionResultType]::ParameterName, 'Send nothing if anything is refused')
            [CompletionResult]::new('--personal-data', '--personal-data', [CompletionResultType]::ParameterName, 'Mark the event as containing personal data')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Send nothing: print the exact message and attributes')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--show-settings', '--show-settings', [CompletionResultType]::ParameterName, 'Print the resolved settings and where each came from, and end')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'eventbus;provision' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How the answer is written')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How the answer is written')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use AWS with this profile')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Use AWS in this region')
            [CompletionResult]::new('--endpoint-url', '--endpoint-url', [CompletionResultType]::ParameterName, 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show the plan and change nothing')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Show the plan, change nothing, and end with 6 when something would be changed')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--show-settings', '--show-settings', [CompletionResultType]::ParameterName, 'Print the resolved settings and where each came from, and end')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'eventbus;tail' {
            [CompletionResult]::new('--event', '--event', [CompletionResultType]::ParameterName, 'Show only events of this name')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End after so many')
            [CompletionResult]::new('--idle', '--idle', [CompletionResultType]::ParameterName, 'End when nothing came for so long')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'End after so long')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How to write the messages [default: pretty on a terminal, else ndjson]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How to write the messages [default: pretty on a terminal, else ndjson]')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use AWS with this profile')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Use AWS in this region')
            [CompletionResult]::new('--endpoint-url', '--endpoint-url', [CompletionResultType]::ParameterName, 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Look even where looking can dead-letter a message or block a FIFO group')
            [CompletionResult]::new('--show-personal-data', '--show-personal-data', [CompletionResultType]::ParameterName, 'Show payloads marked as personal data on a terminal, too')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--show-settings', '--show-settings', [CompletionResultType]::ParameterName, 'Print the resolved settings and where each came from, and end')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'eventbus;consume' {
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this shell line (`sh -c`) for each event')
            [CompletionResult]::new('--stdin', '--stdin', [CompletionResultType]::ParameterName, 'What the command reads on its stdin')
            [CompletionResult]::new('--workers', '--workers', [CompletionResultType]::ParameterName, 'How many commands run at once')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long one may run [default, and longest: the queue''s visibility timeout]')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End after so many events')
            [CompletionResult]::new('--idle', '--idle', [CompletionResultType]::ParameterName, 'End when nothing came for so long')
            [CompletionResult]::new('--drain-timeout', '--drain-timeout', [CompletionResultType]::ParameterName, 'After the first signal, end commands that still run after so long [default: their own timeout]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, '`pretty`: the commands'' stdout on stdout, what became of each event on stderr. `json`: the summary on stdout; `ndjson`: a line for each event and the summary; with these two the commands'' stdout goes to stderr')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, '`pretty`: the commands'' stdout on stdout, what became of each event on stderr. `json`: the summary on stdout; `ndjson`: a line for each event and the summary; with these two the commands'' stdout goes to stderr')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use AWS with this profile')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Use AWS in this region')
            [CompletionResult]::new('--endpoint-url', '--endpoint-url', [CompletionResultType]::ParameterName, 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour')
            [CompletionResult]::new('--drain', '--drain', [CompletionResultType]::ParameterName, 'End when nothing is left to receive')
            [CompletionResult]::new('--fail-on-error', '--fail-on-error', [CompletionResultType]::ParameterName, 'Exit with 3 if an event failed, was rejected or was left')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--show-settings', '--show-settings', [CompletionResultType]::ParameterName, 'Print the resolved settings and where each came from, and end')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'eventbus;replay' {
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Where to: `origin`, or `queue:NAME`')
            [CompletionResult]::new('--event', '--event', [CompletionResultType]::ParameterName, 'Only events of this name')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'At most so many')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How to report [default: pretty on a terminal, else ndjson]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How to report [default: pretty on a terminal, else ndjson]')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use AWS with this profile')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Use AWS in this region')
            [CompletionResult]::new('--endpoint-url', '--endpoint-url', [CompletionResultType]::ParameterName, 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Only show what would be done')
            [CompletionResult]::new('--copy', '--copy', [CompletionResultType]::ParameterName, 'Leave the originals where they are')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--show-settings', '--show-settings', [CompletionResultType]::ParameterName, 'Print the resolved settings and where each came from, and end')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'eventbus;explain' {
            [CompletionResult]::new('--topic', '--topic', [CompletionResultType]::ParameterName, 'The topic [default: where the topology routes the event]')
            [CompletionResult]::new('--attr', '--attr', [CompletionResultType]::ParameterName, 'A message attribute more: `k=text`, `k:=5`, `k:=''["a"]''` (can be repeated)')
            [CompletionResult]::new('--publisher', '--publisher', [CompletionResultType]::ParameterName, 'Who publishes it [default: `publisher` of eventbus.yaml]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How the answer is written')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How the answer is written')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use AWS with this profile')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Use AWS in this region')
            [CompletionResult]::new('--endpoint-url', '--endpoint-url', [CompletionResultType]::ParameterName, 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--show-settings', '--show-settings', [CompletionResultType]::ParameterName, 'Print the resolved settings and where each came from, and end')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'eventbus;local' {
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use AWS with this profile')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Use AWS in this region')
            [CompletionResult]::new('--endpoint-url', '--endpoint-url', [CompletionResultType]::ParameterName, 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--show-settings', '--show-settings', [CompletionResultType]::ParameterName, 'Print the resolved settings and where each came from, and end')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'Answer SNS and SQS requests on a loopback port until interrupted')
            break
        }
        'eventbus;local;serve' {
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'The port on 127.0.0.1; 0 takes any free one and prints it')
            [CompletionResult]::new('--path', '--path', [CompletionResultType]::ParameterName, 'The bus file [default: the local context''s, .eventbus/bus.db]')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use AWS with this profile')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Use AWS in this region')
            [CompletionResult]::new('--endpoint-url', '--endpoint-url', [CompletionResultType]::ParameterName, 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--show-settings', '--show-settings', [CompletionResultType]::ParameterName, 'Print the resolved settings and where each came from, and end')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'eventbus;init' {
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use AWS with this profile')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Use AWS in this region')
            [CompletionResult]::new('--endpoint-url', '--endpoint-url', [CompletionResultType]::ParameterName, 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--show-settings', '--show-settings', [CompletionResultType]::ParameterName, 'Print the resolved settings and where each came from, and end')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'eventbus;demo' {
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'Work in this new folder and keep it [default: a temporary one that is removed]')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use AWS with this profile')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Use AWS in this region')
            [CompletionResult]::new('--endpoint-url', '--endpoint-url', [CompletionResultType]::ParameterName, 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--show-settings', '--show-settings', [CompletionResultType]::ParameterName, 'Print the resolved settings and where each came from, and end')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'eventbus;completions' {
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use AWS with this profile')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Use AWS in this region')
            [CompletionResult]::new('--endpoint-url', '--endpoint-url', [CompletionResultType]::ParameterName, 'Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer yes to questions')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only the answer, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more about what is done')
            [CompletionResult]::new('--show-settings', '--show-settings', [CompletionResultType]::ParameterName, 'Print the resolved settings and where each came from, and end')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
