#Requires -Version 7.4
<#
.SYNOPSIS
    Loads a long history with Entra tokens that expire meanwhile.
.DESCRIPTION
    Runs unattended. A session that is open stays open when its token expires, but a load opens sessions to the last:
    each of them takes a token from the script block of -AccessToken, which is asked again when the last token is about
    to expire, or was refused. Where the load is cut off all the same, the next start goes on with it: sources that are
    complete are reported and left out.
.PARAMETER Nodes
    How nodes are reached that this machine does not reach by their own addresses: -LoadBalancedPort and -NodeAddress of
    Connect-CitusCluster.
.PARAMETER Token
    Fetches a token. It runs in a session of its own: $using: brings values of this one.
.EXAMPLE
    ./Import-LongHistory.ps1 -Uri https://files.woodgrove.example/history.csv.gz -Table payment_events -Server woodgrove.postgres.database.azure.com -Nodes @{ LoadBalancedPort = 7432 } -Database postgres -UserName load@woodgrove.example
#>
param(
    [Parameter(Mandatory)] [uri[]] $Uri,
    [Parameter(Mandatory)] [string] $Table,
    [Parameter(Mandatory)] [string] $UserName,
    [string] $Server = $env:PGHOST,
    [int] $Port = $(if ($env:PGPORT) { $env:PGPORT } else { 5432 }),
    [hashtable] $Nodes = @{}, # such as @{ LoadBalancedPort = 7432 } on Elastic Clusters
    [string] $Database = 'citus',
    [scriptblock] $Token = {
        $null = Connect-AzAccount -Identity
        (Get-AzAccessToken -ResourceUrl https://ossrdbms-aad.database.windows.net -AsSecureString).Token
    }
)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
if (-not (Get-Module Woodgrove.Citus)) { Import-Module Woodgrove.Citus }

$connection = Connect-CitusCluster $Server -Port $Port -Database $Database -UserName $UserName -AccessToken $Token -Name history @Nodes
try {
    foreach ($source in $Uri) {
        try {
            Import-CsvToCitus -Uri $source -Table $Table -NoHeader -Resume -Checkpoint 64MB -Connection $connection -Confirm:$false |
                Select-Object Table, Source, Rows, Route, @{ Name = 'Seconds'; Expression = { [Math]::Round($_.Duration.TotalSeconds, 1) } }, ImportId |
                ConvertTo-Json -Compress -EnumsAsStrings
        }
        catch {
            if ($_.FullyQualifiedErrorId -notlike 'CitusImportComplete,*') { throw }
            [ordered] @{ Table = $Table; Source = "$source"; State = 'Complete'; Message = $_.Exception.Message } | ConvertTo-Json -Compress
        }
    }
}
finally { Disconnect-CitusCluster $connection }
