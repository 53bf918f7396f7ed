#Requires -Version 7.4
<#
.SYNOPSIS
    Moves a database into another Citus cluster: schema, rows, sequences, and the proof that both are equal.
.DESCRIPTION
    Runs unattended, and reports each step as a line of JSON. The target needs its nodes, the Citus extension and no tables.
    Stop whatever writes to the source first: rows that are written while they are copied are not in the target, and the
    comparison at the end finds them and fails the job. To continue a job that was interrupted, start it again with the same
    -Path: objects that exist and rows that are committed are left as they are.

    The job fails before any row is copied if the target has objects that differ from the source's, or lacks a table that
    Import-CitusSchema can't distribute, such as one distributed by range or append. Triggers are created after the rows are copied.

    In -Path it writes schema.sql, comparison.json with each table, report.html about the target, and import-id.txt, by which
    the next start goes on. about_Citus_Migration says what is not moved.
.PARAMETER From
    The parameters of Connect-CitusCluster for the source, such as @{ Server = '...'; Database = 'citus' }. Without Credential
    or AccessToken, the credential is the one named by -FromCredentialName. If there is none, the user and the password come
    from the environment (PGUSER and PGPASSWORD, or .pgpass).
.PARAMETER To
    The parameters for the target, whose credential is named by -ToCredentialName.
.PARAMETER Path
    The folder for the files, by default the current one. It is created if it does not exist.
.PARAMETER Table
    The tables to copy and compare, by names or patterns. By default, all.
.PARAMETER FromCredentialName
    The name of the source's credential in the automation account (Get-AutomationPSCredential) or in a vault
    (SecretManagement's Get-Secret).
.PARAMETER ToCredentialName
    The name of the target's credential there.
.PARAMETER ThrottleLimit
    The number of shards to copy at the same time. Tables are compared four at a time at most.
.PARAMETER SkipSchema
    Does not export and import the schema: the target already has the tables, such as those that Find-DistributionPlan has
    planned for a plain PostgreSQL database.
.EXAMPLE
    ./Move-Cluster.ps1 -From @{ Server = 'c-woodgrove.abc123.postgres.cosmos.azure.com' } -To @{ Server = 'woodgrove.postgres.database.azure.com'; LoadBalancedPort = 7432; Database = 'postgres' } -Path ./move
#>
[Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSAvoidUsingPlainTextForPassword', 'FromCredentialName', Justification = 'The name of a stored credential.')]
[Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSAvoidUsingPlainTextForPassword', 'ToCredentialName', Justification = 'The name of a stored credential.')]
param(
    [Parameter(Mandatory)] [hashtable] $From,
    [Parameter(Mandatory)] [hashtable] $To,
    [string] $Path = '.',
    [string[]] $Table = '*',
    [string] $FromCredentialName = 'citus-source',
    [string] $ToCredentialName = 'citus-target',
    [int] $ThrottleLimit = 16,
    [switch] $SkipSchema
)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
if (-not (Get-Module Woodgrove.Citus)) { Import-Module Woodgrove.Citus }

function Connect-Side([hashtable] $To, [string] $Name, [string] $Stored) {
    $credential = try {
        if ($To.ContainsKey('Credential') -or $To.ContainsKey('AccessToken')) { $null }
        elseif (Get-Command Get-AutomationPSCredential -ErrorAction Ignore) { Get-AutomationPSCredential -Name $Stored }
        elseif (Get-Command Get-Secret -ErrorAction Ignore) { Get-Secret -Name $Stored }
    }
    catch { Write-Verbose "There is no credential '$Stored', so the environment's is used: $_" }
    $more = if ($credential) { @{ Credential = $credential } } else { @{} }
    Connect-CitusCluster @To @more -Name $Name
}
function Import-Object($Objects) {
    $made = @($Objects | Import-CitusSchema -Connection $target -Confirm:$false)
    # A newer server has newer extensions, and may print the query of a view differently.
    $different = @($made | Where-Object { $_.State -eq 'Different' -and $_.Kind -notin 'Extension', 'View' })
    if ($different) { throw "The target has objects that differ from the source's: $($different.ForEach{ "$($_.Kind) $($_.Name): $($_.Differences)" } -join '; ')" }
    # User mappings, of kind Other, are to be created in the target afterwards.
    $absent = @($made | Where-Object { $_.State -eq 'Skipped' -and -not $_.Sql -and $_.Kind -ne 'Other' })
    if ($absent) { throw "Create or distribute these in the target, then start the job again: $($absent.ForEach{ "$($_.Kind) $($_.Name): $($_.Reason)" } -join '; ')" }
    Report Schema "$($made.Count) objects: $(($made | Group-Object State | Sort-Object Name).ForEach{ "$($_.Count) $($_.Name)" } -join ', ')"
}
function Report([string] $State, $Detail) { [ordered] @{ Time = [datetime]::UtcNow.ToString('o'); State = $State; Detail = $Detail } | ConvertTo-Json -Compress }

$source = $target = $triggers = $null
try {
    $source = Connect-Side -To $From -Name move-source -Stored $FromCredentialName
    $target = Connect-Side -To $To -Name move-target -Stored $ToCredentialName
    $folder = (New-Item $Path -ItemType Directory -Force).FullName

    if (-not $SkipSchema) {
        $null = Export-CitusSchema (Join-Path $folder schema.sql) -IncludeDefinition -Connection $source -Confirm:$false
        # Triggers are created after the rows, which they would change or multiply.
        $triggers, $schema = @(Export-CitusSchema -IncludeDefinition -Connection $source).Where({ $_.Kind -eq 'Trigger' -or $_.Sql -like 'COMMENT ON TRIGGER*' }, 'Split')
        Import-Object $schema
    }

    $idFile = Join-Path $folder import-id.txt
    if (-not (Test-Path $idFile)) { Set-Content $idFile ([guid]::NewGuid()) }
    $copy = @{ Table = $Table; From = $source; To = $target; ImportId = [guid] (Get-Content $idFile -Raw); ThrottleLimit = $ThrottleLimit }
    # What an earlier start has copied is left out.
    $copied = @(Copy-CitusTable @copy -DeferIndexes)
    Report Copied "$($copied.Count) table(s), $(($copied | Measure-Object Rows -Sum).Sum) rows by this start"
    if ($triggers) { Import-Object $triggers }

    $compared = @(Compare-CitusTable $Table -From $source -To $target -ThrottleLimit ([Math]::Min($ThrottleLimit, 4)))
    $compared | ConvertTo-Json -Depth 5 -EnumsAsStrings -AsArray | Set-Content (Join-Path $folder comparison.json)
    Export-CitusReport (Join-Path $folder report.html) -Title "After the move from $($source.Server)" -Connection $target -Confirm:$false
    $unequal = @($compared | Where-Object IsEqual -EQ $false)
    if ($unequal) {
        throw "$($unequal.Count) of $($compared.Count) table(s) are not equal: $($unequal.ForEach{ "$($_.Table) ($($_.SourceRows) and $($_.TargetRows) rows)" } -join ', '). See $(Join-Path $folder comparison.json)."
    }
    if (-not $compared) { throw 'No table was compared: the source has none that the names or patterns of -Table stand for.' }
    Report Equal "$($compared.Count) table(s), $(($compared | Measure-Object SourceRows -Sum).Sum) rows"
}
finally { $source, $target | Where-Object { $_ } | Disconnect-CitusCluster }
