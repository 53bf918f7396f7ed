#Requires -Version 7.4
<#
.SYNOPSIS
    Adds servers to the cluster, gives them their share of the shards, and removes others after their shards have moved.
.DESCRIPTION
    Runs unattended, while the cluster is written to. Each step is a line of JSON. A step that is done already is left
    out, so a job that was interrupted can be run again. Nothing is removed that has the last copy of a shard.
.EXAMPLE
    ./Resize-Cluster.ps1 -Server coordinator.bank.example -Add 10.0.0.7:5432, 10.0.0.8:5432 -Remove 10.0.0.5:5432
    Replaces one node by two.
#>
[Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSAvoidUsingPlainTextForPassword', 'CredentialName', Justification = 'The name of a stored credential.')]
param(
    [string] $Server,
    [int] $Port,
    [string] $Database,
    [string] $CredentialName = 'citus',
    [string[]] $Add = @(),
    [string[]] $Remove = @(),
    [ValidateSet('auto', 'force_logical', 'block_writes')] [string] $TransferMode = 'auto'
)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
if (-not (Get-Module Woodgrove.Citus)) { Import-Module Woodgrove.Citus }

$to = @{}
foreach ($name in 'Server', 'Port', 'Database') { if ($PSBoundParameters.ContainsKey($name)) { $to[$name] = $PSBoundParameters[$name] } }
if (Get-Command Get-AutomationPSCredential -ErrorAction Ignore) { $to.Credential = Get-AutomationPSCredential -Name $CredentialName }
elseif (Get-Command Get-Secret -ErrorAction Ignore) { $to.Credential = Get-Secret -Name $CredentialName }
$connection = Connect-CitusCluster @to -Name resize
function Report([string] $State, $Detail) { [ordered] @{ Time = [datetime]::UtcNow.ToString('o'); State = $State; Detail = $Detail } | ConvertTo-Json -Compress }
function ConvertTo-Node([string] $Address) { @{ NodeName = $Address -replace ':\d+$'; NodePort = $Address -match ':(\d+)$' ? [int] $Matches[1] : 5432 } }
try {
    $against = Test-CitusCluster NodesActive, NodeConnectivity -Connection $connection | Where-Object Status -In Failed, Warning
    if ($against) { throw "The cluster is not ready: $($against.ForEach{ "$($_.Check): $($_.Actual). $($_.Fix)" } -join '; ')" }

    foreach ($address in $Add) {
        $node = ConvertTo-Node $address
        $null = Add-CitusNode @node -Connection $connection
        Report Added $address
    }
    if ($Add) {
        $rebalance = Start-ShardRebalance -TransferMode $TransferMode -Wait -Connection $connection -InformationAction Ignore
        Report Rebalanced "$($rebalance ? $rebalance.Done : 0) moves"
    }
    foreach ($address in $Remove) {
        $node = ConvertTo-Node $address
        if (-not (Get-CitusNode -Connection $connection | Where-Object { $_.NodeName -eq $node.NodeName -and $_.NodePort -eq $node.NodePort })) { continue }
        Remove-CitusNode @node -Drain -TransferMode $TransferMode -Connection $connection -Confirm:$false
        Report Removed $address
    }
}
finally { Disconnect-CitusCluster $connection }
