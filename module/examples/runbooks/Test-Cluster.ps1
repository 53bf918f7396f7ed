#Requires -Version 7.4
<#
.SYNOPSIS
    Validates a cluster in Pester, writes NUnit's XML and a page with pictures, and fails the job where a check fails.
.DESCRIPTION
    Runs unattended. One line of JSON sums the run up; the details are in the XML.
.EXAMPLE
    ./Test-Cluster.ps1 -Server c-woodgrove.abc123.postgres.cosmos.azure.com -Path ./results -Threshold @{ TableSkew = 5 }
#>
[Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSAvoidUsingPlainTextForPassword', 'CredentialName', Justification = 'The name of a stored credential.')]
param(
    [string] $Server,
    [int] $Port,
    [string] $Database,
    [string] $CredentialName = 'citus',
    [string] $Path = '.',
    [string[]] $Exclude = @(),
    [System.Collections.IDictionary] $Threshold = @{}
)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
if (-not (Get-Module Woodgrove.Citus)) { Import-Module Woodgrove.Citus }

$to = @{}
foreach ($name in 'Server', 'Port', 'Database') { if ($PSBoundParameters.ContainsKey($name)) { $to[$name] = $PSBoundParameters[$name] } }
if (Get-Command Get-AutomationPSCredential -ErrorAction Ignore) { $to.Credential = Get-AutomationPSCredential -Name $CredentialName }
elseif (Get-Command Get-Secret -ErrorAction Ignore) { $to.Credential = Get-Secret -Name $CredentialName }
$connection = Connect-CitusCluster @to -Name validation
try {
    $null = New-Item $Path -ItemType Directory -Force
    $run = Invoke-CitusValidation -Connection $connection -Exclude $Exclude -Threshold $Threshold -OutputFile (Join-Path $Path validation.xml) -Output None
    Export-CitusReport (Join-Path $Path report.html) -Connection $connection -Confirm:$false
    $run | Select-Object Result, TotalCount, PassedCount, FailedCount, InconclusiveCount, SkippedCount | ConvertTo-Json -Compress
    if ($run.Result -ne 'Passed') { throw "$($run.FailedCount) check(s) failed: $($run.Failed.ExpandedName -join ', '). See $(Join-Path $Path validation.xml)." }
}
finally { Disconnect-CitusCluster $connection }
