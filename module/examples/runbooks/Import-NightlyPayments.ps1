#Requires -Version 7.4
<#
.SYNOPSIS
    Loads last night's payments from a web server, exactly once, and sets refused rows aside.
.DESCRIPTION
    Runs unattended: it asks nothing, and any error ends the job with a non-zero exit code. A run that is cut off goes
    on where it stopped when the job is started again. Where the file is loaded already, the job reports so and succeeds.

    The password comes from the automation account's credential (Get-AutomationPSCredential), from a vault
    (SecretManagement's Get-Secret), or from the environment (PGUSER and PGPASSWORD, or .pgpass).
.EXAMPLE
    ./Import-NightlyPayments.ps1 -Uri https://files.woodgrove.example/events.csv -Table payment_events -Server c-woodgrove.abc123.postgres.cosmos.azure.com
#>
[Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSAvoidUsingPlainTextForPassword', 'CredentialName', Justification = 'The name of a stored credential.')]
param(
    [Parameter(Mandatory)] [uri] $Uri,
    [Parameter(Mandatory)] [string] $Table,
    [string] $Server,
    [int] $Port,
    [string] $Database,
    [string] $CredentialName = 'citus',
    [string] $RejectPath = (Join-Path $HOME rejects),
    [string] $MaxErrors = '0.5%',
    [switch] $Header
)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
if (-not (Get-Module Woodgrove.Citus)) { Import-Module Woodgrove.Citus }

function Get-JobCredential([string] $Name) {
    try {
        if (Get-Command Get-AutomationPSCredential -ErrorAction Ignore) { Get-AutomationPSCredential -Name $Name }
        elseif (Get-Command Get-Secret -ErrorAction Ignore) { Get-Secret -Name $Name }
    }
    catch { Write-Verbose "There is no credential '$Name', so the environment's is used: $_" }
}

$to = @{}
foreach ($name in 'Server', 'Port', 'Database') { if ($PSBoundParameters.ContainsKey($name)) { $to[$name] = $PSBoundParameters[$name] } }
if ($credential = Get-JobCredential $CredentialName) { $to.Credential = $credential }
$connection = Connect-CitusCluster @to -Name nightly
try {
    $load = @{ Uri = $Uri; Table = $Table; Resume = $true; OnError = 'Skip'; MaxErrors = $MaxErrors; RejectPath = $RejectPath; NoHeader = -not $Header }
    try { $result = Import-CsvToCitus @load -Connection $connection -Confirm:$false }
    catch {
        if ($_.FullyQualifiedErrorId -notlike 'CitusImportComplete,*') { throw }
        [ordered] @{ Table = $Table; Source = "$Uri"; State = 'Complete'; Message = $_.Exception.Message } | ConvertTo-Json -Compress
        return
    }
    $result | Select-Object Table, Source, Rows, Rejected, Route, @{ Name = 'Seconds'; Expression = { [Math]::Round($_.Duration.TotalSeconds, 1) } }, ImportId |
        ConvertTo-Json -Compress -EnumsAsStrings
}
finally { Disconnect-CitusCluster $connection }
