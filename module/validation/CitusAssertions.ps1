<#
.SYNOPSIS
    Assertions about distributed tables for Pester 5 and 6.
.DESCRIPTION
    Dot-source it in BeforeAll. The assertions take what Get-DistributedTable gives, or names of tables.

    As operators of Should, in Pester 5 and 6: -BeDistributedBy, -BeColocatedWith, -BeBalanced, each also with -Not.

    As commands, as Pester 6 names its own, and also where Should.DisableV5 is set: Should-BeDistributedBy,
    Should-BeColocatedWith, Should-BeBalanced, Should-NotBeDistributedBy, Should-NotBeColocatedWith, Should-NotBeBalanced.
    They run in Pester 5 too.

    An assertion about no table, such as an empty pipeline, fails in either form.
.EXAMPLE
    Get-DistributedTable payment_events | Should -BeDistributedBy user_id
.EXAMPLE
    Get-DistributedTable payment_events | Should-BeDistributedBy user_id
.EXAMPLE
    'payment_events' | Should -BeColocatedWith payment_users -Because 'they are joined all day'
.EXAMPLE
    Get-DistributedTable payment_events | Should-BeBalanced -Within 2

    The largest shard is at most twice the average one.
#>
[Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseApprovedVerbs', '', Justification = 'Pester names assertions Should-.')]
[Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseProcessBlockForPipelineCommand', '', Justification = 'An empty pipeline fails too, which end alone sees.')]
param()

# A runspace of its own, as Run.Parallel of Pester 6 gives to each file, has not imported the module.
if (-not (Get-Command Get-DistributedTable -ErrorAction Ignore)) { Import-Module "$PSScriptRoot/../../Woodgrove.Citus.psd1" }

function Resolve-CitusTable($Table) { if ($Table -is [string]) { Get-DistributedTable $Table -ErrorAction Stop } else { $Table } }

function Get-CitusVerdict([bool] $Holds, [switch] $Negate, [string] $Because, [string] $Expected, [string] $Actual) {
    $reason = if ($Because) { ", because $($Because -replace '^because\s+')" }
    $not = if ($Negate) { 'not ' }
    [pscustomobject] @{
        Succeeded      = $Holds -ne $Negate
        FailureMessage = "Expected ${not}$Expected$reason, but $Actual."
    }
}

function Get-CitusNoTable { [pscustomobject] @{ Succeeded = $false; FailureMessage = 'Expected a table, but there was none.' } }

function Test-CitusDistributedBy($ActualValue, [string] $ExpectedValue, [switch] $Negate, [string] $Because) {
    if (-not ($table = Resolve-CitusTable $ActualValue)) { return Get-CitusNoTable }
    $column = $table.DistributionColumn
    Get-CitusVerdict ($column -eq $ExpectedValue) -Negate:$Negate $Because "$($table.Table) to be distributed by $ExpectedValue" $(
        if ($column) { "it is distributed by $column" } else { "it is a $("$($table.Type)".ToLowerInvariant()) table" })
}

function Test-CitusColocatedWith($ActualValue, $ExpectedValue, [switch] $Negate, [string] $Because) {
    if (-not ($table = Resolve-CitusTable $ActualValue) -or -not ($other = Resolve-CitusTable $ExpectedValue)) { return Get-CitusNoTable }
    $test = Test-Colocation $table.Table, $other.Table -Detailed -ErrorAction Stop
    Get-CitusVerdict $test.IsColocated -Negate:$Negate $Because "$($table.Table) to be colocated with $($other.Table)" (
        "they are in the colocation groups $($table.ColocationId) and $($other.ColocationId) ($($test.Explanation.TrimEnd('.')))")
}

function Test-CitusBalanced($ActualValue, [double] $Within = 3, [switch] $Negate, [string] $Because) {
    if (-not ($table = Resolve-CitusTable $ActualValue)) { return Get-CitusNoTable }
    $sizes = Get-ShardPlacement $table.Table | Sort-Object ShardId -Unique | Measure-Object SizeBytes -Average -Maximum
    $factor = if ($sizes.Average) { [Math]::Round($sizes.Maximum / $sizes.Average, 2) } else { 1 }
    Get-CitusVerdict ($factor -le $Within) -Negate:$Negate $Because "the largest shard of $($table.Table) to be at most $Within times the average one" "it is $factor times"
}

# Fails for each table that does not pass the test. Pester decides whether a failure ends the test (Should.ErrorAction).
function Assert-CitusTable([System.Management.Automation.PSCmdlet] $Caller, $Actual, [object[]] $Piped, [string] $Test, [hashtable] $With) {
    $tables = @(if ($Caller.MyInvocation.ExpectingInput) { $Piped } else { $Actual })
    if (-not $tables) { $tables = @($null) }
    foreach ($table in $tables) {
        $verdict = & $Test $table @With
        if ($verdict.Succeeded) { continue }
        if (Get-Command New-ShouldAssertion -ErrorAction Ignore) { (New-ShouldAssertion -Caller $Caller -Actual $table).Fail($verdict.FailureMessage) }
        else { throw $verdict.FailureMessage }
    }
}

function Should-BeDistributedBy {
    [CmdletBinding()]
    param(
        [Parameter(Position = 0, Mandatory)] [Alias('ExpectedValue')] [string] $Expected,
        [Parameter(Position = 1, ValueFromPipeline)] [Alias('ActualValue')] $Actual,
        [string] $Because
    )
    end { Assert-CitusTable $PSCmdlet $Actual @($Input) Test-CitusDistributedBy @{ ExpectedValue = $Expected; Because = $Because } }
}

function Should-NotBeDistributedBy {
    [CmdletBinding()]
    param(
        [Parameter(Position = 0, Mandatory)] [Alias('ExpectedValue')] [string] $Expected,
        [Parameter(Position = 1, ValueFromPipeline)] [Alias('ActualValue')] $Actual,
        [string] $Because
    )
    end { Assert-CitusTable $PSCmdlet $Actual @($Input) Test-CitusDistributedBy @{ ExpectedValue = $Expected; Because = $Because; Negate = $true } }
}

function Should-BeColocatedWith {
    [CmdletBinding()]
    param(
        [Parameter(Position = 0, Mandatory)] [Alias('ExpectedValue')] $Expected,
        [Parameter(Position = 1, ValueFromPipeline)] [Alias('ActualValue')] $Actual,
        [string] $Because
    )
    end { Assert-CitusTable $PSCmdlet $Actual @($Input) Test-CitusColocatedWith @{ ExpectedValue = $Expected; Because = $Because } }
}

function Should-NotBeColocatedWith {
    [CmdletBinding()]
    param(
        [Parameter(Position = 0, Mandatory)] [Alias('ExpectedValue')] $Expected,
        [Parameter(Position = 1, ValueFromPipeline)] [Alias('ActualValue')] $Actual,
        [string] $Because
    )
    end { Assert-CitusTable $PSCmdlet $Actual @($Input) Test-CitusColocatedWith @{ ExpectedValue = $Expected; Because = $Because; Negate = $true } }
}

function Should-BeBalanced {
    [CmdletBinding()]
    param(
        [Parameter(Position = 0)] [double] $Within = 3,
        [Parameter(Position = 1, ValueFromPipeline)] [Alias('ActualValue')] $Actual,
        [string] $Because
    )
    end { Assert-CitusTable $PSCmdlet $Actual @($Input) Test-CitusBalanced @{ Within = $Within; Because = $Because } }
}

function Should-NotBeBalanced {
    [CmdletBinding()]
    param(
        [Parameter(Position = 0)] [double] $Within = 3,
        [Parameter(Position = 1, ValueFromPipeline)] [Alias('ActualValue')] $Actual,
        [string] $Because
    )
    end { Assert-CitusTable $PSCmdlet $Actual @($Input) Test-CitusBalanced @{ Within = $Within; Because = $Because; Negate = $true } }
}

foreach ($name in 'DistributedBy', 'ColocatedWith', 'Balanced') {
    if ((Get-ShouldOperator).Name -notcontains "Be$name") {
        Add-ShouldOperator -Name "Be$name" -InternalName "Test-Citus$name" -Test (Get-Item "function:Test-Citus$name").ScriptBlock
    }
}
