#Requires -Version 7.4
<#
.SYNOPSIS
    Gives the heaviest values of a table shards of their own, and then evens the nodes out.
.DESCRIPTION
    Runs unattended. The rows of each value are counted on the nodes. A value that fills more than -Means mean shards is
    split off, with its rows of colocated tables, unless its shard is its own already. Each step is a line of JSON.
.EXAMPLE
    ./Split-LargeTenants.ps1 -Server coordinator.bank.example -Table payment_events -Means 2
#>
[Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSAvoidUsingPlainTextForPassword', 'CredentialName', Justification = 'The name of a stored credential.')]
param(
    [string] $Server,
    [int] $Port,
    [string] $Database,
    [string] $CredentialName = 'citus',
    [Parameter(Mandatory)] [string] $Table,
    [ValidateRange(0.1, 1000)] [double] $Means = 1,
    [ValidateSet('auto', 'force_logical', 'block_writes')] [string] $TransferMode = 'auto'
)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
if (-not (Get-Module Woodgrove.Citus)) { Import-Module Woodgrove.Citus }

$to = @{}
foreach ($name in 'Server', 'Port', 'Database') { if ($PSBoundParameters.ContainsKey($name)) { $to[$name] = $PSBoundParameters[$name] } }
if (Get-Command Get-AutomationPSCredential -ErrorAction Ignore) { $to.Credential = Get-AutomationPSCredential -Name $CredentialName }
elseif (Get-Command Get-Secret -ErrorAction Ignore) { $to.Credential = Get-Secret -Name $CredentialName }
$connection = Connect-CitusCluster @to -Name tenants
function Report([string] $State, $Detail) { [ordered] @{ Time = [datetime]::UtcNow.ToString('o'); State = $State; Detail = $Detail } | ConvertTo-Json -Compress }
try {
    $skew = Measure-ShardSkew $Table -By Rows -Connection $connection
    $own = $skew.Shards | Where-Object { $_.HashMin -eq $_.HashMax } | ForEach-Object ShardId
    $large = $skew.HeaviestValues | Where-Object { $_.Rows -gt $Means * $skew.Mean -and $_.ShardId -notin $own }
    foreach ($tenant in $large) {
        $shard = Split-Tenant $Table $tenant.Value -TransferMode $TransferMode -Connection $connection
        Report Split "$($tenant.Value), $($tenant.Rows) rows: shard $($shard.ShardId)"
    }
    if (-not $large) { Report Balanced "no value fills more than $Means mean shards"; return }
    $rebalance = Start-ShardRebalance -TransferMode $TransferMode -Wait -Connection $connection -InformationAction Ignore
    Report Rebalanced "$($rebalance ? $rebalance.Done : 0) moves"
}
finally { Disconnect-CitusCluster $connection }
