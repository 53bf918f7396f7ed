<#
.SYNOPSIS
    Woodgrove Bank's payments on a throwaway cluster: create, distribute, load, look, ask.
.DESCRIPTION
    Runs in pwsh with the module imported; the quickstart program brings a pwsh of its own. It needs PostgreSQL's server
    programs; where they have Citus, the cluster is a real one.
.EXAMPLE
    ./Quickstart.ps1
.EXAMPLE
    ./Quickstart.ps1 -Csv ./orders.csv -Table orders -Column customer_id

    Loads your own file, with a header line, into a table distributed by one of its columns.
#>
param(
    [string] $Csv,
    [string] $Table,
    [string] $Column,
    [ValidateSet('Auto', 'Citus', 'PostgreSql')] [string] $Engine = 'Auto'
)
$ErrorActionPreference = 'Stop'
$step = 0
function Step($title, $why) { $script:step++; "`n== $script:step. $title"; $why }

$data = [System.IO.Directory]::CreateTempSubdirectory('woodgrove-quickstart-').FullName # of this user alone
try {
    Step 'Start a cluster, connect, look at the nodes' @'
A coordinator takes the queries; the workers hold the shards.
'@
    $null = New-CitusSampleData $data -UserCount 2000 -EventCount 20000
    $sandbox = Start-CitusSandbox -Engine $Engine -WebRoot $data
    $sandbox | Out-Host
    Get-CitusConnection | Out-Host
    Get-CitusNode | Out-Host

    if ($Csv) {
        Step "Load $Csv into $Table, distributed by $Column" @'
Every column is made text here, since nothing is known about the file; a table of your own has better types.
'@
        $first = [System.Linq.Enumerable]::First([System.IO.File]::ReadLines($Csv))
        $columns = foreach ($name in $first.Split(',')) { '"{0}" text' -f $name.Trim().Trim('"').Replace('"', '""') }
        New-DistributedTable $Table $Column -Definition ($columns -join ', ') | Out-Host
        Import-CsvToCitus -LiteralPath $Csv -Table $Table | Out-Host
        Step 'Where the rows went' 'Shard and node by the hash of the distribution column; sizes in bytes.'
        Get-ShardPlacement $Table | Out-Host
        return
    }

    Step 'Create the tables and distribute them' @'
Both are split into shards by the hash of user_id, so that a user and all events of that user lie on one node:
a join on user_id then needs no network. Unique keys must hold user_id, because each node checks its own rows only.
'@
    New-DistributedTable payment_users user_id -Definition '
        user_id bigint PRIMARY KEY, url text, login text, avatar_url text' | Out-Host
    New-DistributedTable payment_events user_id -ColocateWith payment_users -Definition '
        event_id bigint, event_type text, user_id bigint, merchant_id bigint, event_details jsonb, created_at timestamp,
        PRIMARY KEY (event_id, user_id)' | Out-Host
    New-ReferenceTable payment_merchants -Definition 'merchant_id bigint PRIMARY KEY, name text, url text' | Out-Host

    Step 'Load the history from the bank''s web server' @'
The files have no header line. Their bytes go straight into COPY, in one transaction a file: all of it or nothing.
'@
    Import-CsvToCitus -Uri "$($sandbox.WebUri)users.csv" -Table payment_users -NoHeader | Out-Host
    Import-CsvToCitus -Uri "$($sandbox.WebUri)events.csv" -Table payment_events -NoHeader | Out-Host

    Step 'Send single payments' @'
A row that holds its user_id goes to one shard on one node; the other nodes never hear of it.
'@
    foreach ($payment in @{ id = 900001; amount = 12.50 }, @{ id = 900002; amount = 99.90 }) {
        Invoke-CitusQuery 'INSERT INTO payment_events VALUES (@id, ''SendFunds'', 5, 7, jsonb_build_object(''amount'', @amount::numeric), now())' -Parameter $payment
    }
    Invoke-CitusQuery 'SELECT event_id, event_details FROM payment_events WHERE user_id = 5 AND event_id > 900000 ORDER BY 1' | Out-Host

    Step 'Fill the rollup and the reference table with INSERT ... SELECT' @'
Grouped by user_id and written to a table colocated by it, the rollup runs on the workers, shard by shard, and no row
travels. The merchants are grouped by another column, so their groups are merged on the coordinator and then copied to
every node.
'@
    New-DistributedTable user_events user_id -ColocateWith payment_users -Definition '
        user_id bigint, user_login text, event_type text, event_count bigint' -WarningAction SilentlyContinue | Out-Host
    Invoke-CitusQuery '
        INSERT INTO user_events
        SELECT u.user_id, u.login, e.event_type, count(*)
        FROM payment_users u JOIN payment_events e USING (user_id)
        GROUP BY u.user_id, u.login, e.event_type'
    Invoke-CitusQuery '
        INSERT INTO payment_merchants
        SELECT merchant_id, ''Merchant '' || merchant_id, ''https://merchants.example/'' || merchant_id
        FROM payment_events GROUP BY merchant_id'
    Get-DistributedTable -Size | Out-Host

    Step 'Which shard and node hold user 5?' @'
PostgreSQL's hash of 5 falls into one shard's range; both tables cut the ranges alike, so both shards lie on one node.
'@
    Get-ShardPlacement payment_users, payment_events -Value 5 | Out-Host

    Step 'Where do all rows lie?' 'The first four shards of payment_events; the sizes differ because some users pay more often.'
    Get-ShardPlacement payment_events | Select-Object -First 4 | Out-Host

    Step 'Ask one shard: one user''s payments' 'The filter on user_id lets the coordinator pass the query on to one shard.'
    Invoke-CitusQuery 'SELECT event_type, count(*) FROM payment_events WHERE user_id = @user GROUP BY 1 ORDER BY 1' -Parameter @{ user = 5 } | Out-Host

    Step 'Ask all shards: counts per type' 'Each worker counts its own shards at once; the coordinator adds up five numbers from each.'
    Invoke-CitusQuery 'SELECT event_type, count(*) AS events, count(DISTINCT user_id) AS users FROM payment_events GROUP BY 1 ORDER BY 2 DESC' | Out-Host

    Step 'Join three tables' 'Users and events meet on their node, merchants are there already: the join runs on every worker.'
    Invoke-CitusQuery '
        SELECT u.login, m.name AS merchant, sum((e.event_details ->> ''amount'')::numeric) AS paid
        FROM payment_events e JOIN payment_users u USING (user_id) JOIN payment_merchants m USING (merchant_id)
        WHERE e.event_type = ''SendFunds'' GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 5' | Out-Host
    "`nThat was the tour. Get-Command -Module Woodgrove.Citus lists what there is; the sandbox is gone when this ends."
}
finally {
    Stop-CitusSandbox
    if ([System.IO.Directory]::Exists($data)) { [System.IO.Directory]::Delete($data, $true) }
}
