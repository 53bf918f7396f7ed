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
[Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSAvoidUsingPlainTextForPassword', 'CredentialName', Justification = 'The name of a stored credential.')]
param(
    [string] $Server,
    [int] $Port,
    [string] $Database,
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
foreach ($name in 'Server', 'Port', 'Database') { if ($PSBoundParameters.ContainsKey($name)) { $to[$name] = $PSBoundParameters[$name] } }
if (Get-Command Get-AutomationPSCredential -ErrorAction Ignore) { $to.Credential = Get-AutomationPSCredential -Name $CredentialName }
elseif (Get-Command Get-Secret -ErrorAction Ignore) { $to.Credential = Get-Secret -Name $CredentialName }
$connection = Connect-CitusCluster @to -Name rebalance
function Report([string] $State, $Detail) { [ordered] @{ Time = [datetime]::UtcNow.ToString('o'); State = $State; Detail = $Detail } | ConvertTo-Json -Compress }
try {
    $needed = if ($TransferMode -eq 'block_writes') { 'NodesActive', 'NodeConnectivity' } else { 'NodesActive', 'NodeConnectivity', 'WalLevel', 'ReplicaIdentity' }
    $against = Test-CitusCluster $needed -Connection $connection | Where-Object Status -In Failed, Warning
    if ($against) { throw "The cluster is not ready for a rebalance: $($against.ForEach{ "$($_.Check): $($_.Actual). $($_.Fix)" } -join '; ')" }

    $rebalance = Start-ShardRebalance -TransferMode $TransferMode -Connection $connection -Confirm:$false -InformationAction Ignore
    if (-not $rebalance) { Report Balanced 'no shard has to move'; return }
    Report Planned "$($rebalance.Total) moves, as job $($rebalance.JobId)"
    while ($rebalance.IsActive -and [datetime]::UtcNow -lt $deadline) {
        Start-Sleep -Seconds $Interval.TotalSeconds
        $rebalance = Get-ShardRebalance $rebalance.JobId -Connection $connection
        Report $rebalance.State "$($rebalance.Done) of $($rebalance.Total) moves done"
    }
    if ($rebalance.IsActive) {
        try {
            $rebalance = Stop-ShardRebalance -Connection $connection -Confirm:$false
            Report Stopped "$($rebalance.Done) of $($rebalance.Total) moves done; the window has closed, the next one goes on"
            return
        }
        catch {
            if ($_.FullyQualifiedErrorId -notlike 'CitusRebalanceNotRunning,*') { throw }
            $rebalance = Get-ShardRebalance $rebalance.JobId -Connection $connection # it has ended just before
            Report $rebalance.State "$($rebalance.Done) of $($rebalance.Total) moves done"
        }
    }
    if ($rebalance.State -ne 'Finished') { throw "Rebalance $($rebalance.JobId) ended as $($rebalance.State): $($rebalance.Message)" }
}
finally { Disconnect-CitusCluster $connection }
