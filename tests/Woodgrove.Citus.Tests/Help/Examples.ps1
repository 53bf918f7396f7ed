# Runs examples of the help and reports each in one line: @@|cmdlet|number|state|text in base64.
$ProgressPreference = 'SilentlyContinue'
$tables = 'payment_events, payment_users, payment_merchants, user_events, disputes, refunds, currencies, payment_disputes, merchant_totals, colocation_demo, transfers, accounts, rates, sessions, measurements'

function Initialize($folder, $engine) {
    $ExecutionContext.SessionState.Path.SetLocation($folder)
    $null = New-CitusSampleData .
    [System.IO.File]::WriteAllBytes("$folder/merchants.csv", [System.Text.Encoding]::Latin1.GetBytes("id;title`n1;Caf$([char]0xe9) Woodgrove`n2;B$([char]0xe4)ckerei`n"))
    $lines = [System.IO.File]::ReadAllLines("$folder/events.csv")[0..99]
    $lines[6] = 'seven' + $lines[6].Substring($lines[6].IndexOf(','))
    $lines[41] = '42,SendFunds,,7,{},2024-01-01'
    [System.IO.File]::WriteAllLines("$folder/bad.csv", $lines)
    $sandbox = Start-CitusSandbox -Engine $engine -WebRoot . -WarningAction SilentlyContinue
    $env:PGHOST, $env:PGPORT, $env:PGUSER, $env:PGPASSFILE = $sandbox.Server, $sandbox.Port, 'postgres', "$($sandbox.Path)/pgpass"
    $script:connectionString = "Host=$env:PGHOST;Port=$env:PGPORT;Database=citus;Username=postgres;Passfile=$env:PGPASSFILE"
    $script:state = ''
    $script:isCitus = (Get-CitusConnection)[-1].Engine -eq 'Citus'
}

# None: no tables. Empty: the bank's tables. Loaded: with its data in them.
function Reset($to) {
    $null = Invoke-CitusQuery 'DROP TABLE IF EXISTS transfers, accounts, rates CASCADE' # of Find-DistributionPlan and Compare-CitusTable
    if ($script:isCitus) { $null = Invoke-CitusQuery 'CALL citus_cleanup_orphaned_resources()' } # of examples that rewrite tables
    if ($to -eq 'Loaded' -and $script:state -eq 'Loaded') { return }
    $script:state = $to
    $null = Invoke-CitusQuery "DROP TABLE IF EXISTS $tables CASCADE; DROP SCHEMA IF EXISTS woodgrove CASCADE"
    if ($to -eq 'None') { return }
    $null = New-DistributedTable payment_users user_id -Definition 'user_id bigint PRIMARY KEY, url text, login text, avatar_url text'
    $null = New-DistributedTable payment_events user_id -Definition '
        event_id bigint, event_type text, user_id bigint, merchant_id bigint, event_details jsonb, created_at timestamp, PRIMARY KEY (event_id, user_id)'
    $null = New-DistributedTable user_events user_id -WarningAction SilentlyContinue -Definition 'user_id bigint, user_login text, event_type text, event_count bigint'
    $null = New-ReferenceTable payment_merchants -Definition 'merchant_id bigint PRIMARY KEY, name text, url text'
    if ($to -eq 'Empty') { return }
    $null = New-DistributedTable payment_disputes dispute_id -WarningAction SilentlyContinue -Definition 'dispute_id bigint, event_id bigint, reason text'
    $null = New-DistributedTable merchant_totals merchant_id -WarningAction SilentlyContinue -Definition 'merchant_id bigint, total numeric'
    $null = Import-CsvToCitus ./users.csv payment_users -NoHeader -Checkpoint 10MB
    $null = Import-CsvToCitus ./events.csv payment_events -NoHeader -Checkpoint 1MB
}

function Report($cmdlet, $number, $state, $text) {
    '@@|{0}|{1}|{2}|{3}' -f $cmdlet, $number, $state, [Convert]::ToBase64String([System.Text.Encoding]::UTF8.GetBytes("$text"))
}

function Example($cmdlet, $number, $base64) {
    $tree = [scriptblock]::Create([System.Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($base64))).Ast
    $shown = ''
    try {
        # A prompt formats each statement by itself.
        foreach ($statement in $tree.EndBlock.Statements) {
            $printed = @(. ([scriptblock]::Create($statement.Extent.Text)) *>&1)
            $failure = $printed | Where-Object { $_ -is [System.Management.Automation.ErrorRecord] }
            if ($failure) { return Report $cmdlet $number Failed "$failure" }
            $shown += $printed | Out-String -Width 400
        }
        Report $cmdlet $number Done $shown
    }
    catch { Report $cmdlet $number Failed "$($_.FullyQualifiedErrorId): $($_.Exception.Message)" }
}
