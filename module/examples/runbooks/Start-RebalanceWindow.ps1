#Requires -Version 7.4
<#
.SYNOPSIS
    Rebalances the shards in a maintenance window, and stops when the window closes.
.DESCRIPTION
    Runs unattended. Citus moves the shards by itself, in the background; this job starts that, reports each step as a
    line of JSON, and at the deadline stops it. What has been moved stays moved, and the next window goes on. Writers
    wait only for the last instant of each move where wal_level is logical and the tables have replica identities, as
    it first makes sure.
.EXAMPLE
    ./Start-RebalanceWindow.ps1 -Server coordinator.bank.example -Window 02:00:00
    Two hours from now at most.
#>
param(
    [string] $Server,
    [string] $CredentialName = 'citus',
    [timespan] $Window = '02:00:00',
    [timespan] $Interval = '00:00:10',
    [ValidateSet('auto', 'force_logical', 'block_writes')] [string] $TransferMode = 'auto'
)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$deadline = [datetime]::UtcNow + $Window
if (-not (Get-Module Woodgrove.Citus)) { Import-Module Woodgrove.Citus }

$to = @{}
if ($Server) { $to.Server = $Server }
if (Get-Command Get-AutomationPSCredential -ErrorAction Ignore) { $to.Credential = Get-AutomationPSCredential -Name $CredentialName }
elseif (Get-Command Get-Secret -ErrorAction Ignore) { $to.Credential = Get-Secret -Name $CredentialName }
$connection = Connect-CitusCluster @to -Name rebalance
function Report($State, $Detail) { [ordered] @{ Time = [datetime]::UtcNow.ToString('o'); State = $State; Detail = $Detail } | ConvertTo-Json -Compress }
try {
    $needed = if ($TransferMode -eq 'block_writes') { 'NodesActive', 'NodeConnectivity' } else { 'NodesActive', 'NodeConnectivity', 'WalLevel', 'ReplicaIdentity' }
    $against = Test-CitusCluster $needed -Connection $connection | Where-Object Status -In Failed, Warning
    if ($against) { throw "The cluster is not ready for a rebalance: $($against.ForEach{ "$($_.Check): $($_.Actual)" } -join '; ')" }

    $plan = Test-CitusCluster NodeSkew -Connection $connection
    if ($plan.Status -eq 'Passed') { Report Balanced $plan.Actual; return }
    Report Planned $plan.Actual

    $job = Invoke-CitusQuery 'SELECT citus_rebalance_start(shard_transfer_mode := @mode::citus.shard_transfer_mode)' @{ mode = $TransferMode } -As Scalar -Connection $connection
    do {
        Start-Sleep -Seconds $Interval.TotalSeconds
        $state = Invoke-CitusQuery 'SELECT state::text FROM citus_job_list() WHERE job_id = @job' @{ job = $job } -As Scalar -Connection $connection
        $done = Invoke-CitusQuery "SELECT count(*) FILTER (WHERE status = 'done') || ' of ' || count(*) || ' moves done' FROM pg_dist_background_task WHERE job_id = @job" @{ job = $job } -As Scalar -Connection $connection
        Report $state $done
    } until ($state -in 'finished', 'failed', 'cancelled' -or [datetime]::UtcNow -ge $deadline)

    if ($state -notin 'finished', 'failed', 'cancelled') {
        $null = Invoke-CitusQuery 'SELECT citus_rebalance_stop()' -Connection $connection
        Report Stopped 'the window has closed; the next one goes on'
    }
    if ($state -eq 'failed') { throw "The rebalance failed: $((Test-CitusCluster BackgroundTasks -Connection $connection).Actual)" }
}
finally { Disconnect-CitusCluster $connection }
