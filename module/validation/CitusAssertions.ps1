<#
.SYNOPSIS
    Should operators for distributed tables: -BeDistributedBy, -BeColocatedWith, -BeBalanced.
.DESCRIPTION
    Dot-source it in BeforeAll of a Pester 5 suite. The operators take what Get-DistributedTable gives, or names of tables.
.EXAMPLE
    Get-DistributedTable payment_events | Should -BeDistributedBy user_id
.EXAMPLE
    'payment_events' | Should -BeColocatedWith payment_users -Because 'they are joined all day'
.EXAMPLE
    Get-DistributedTable payment_events | Should -BeBalanced -Within 2
    The largest shard is at most twice the average one.
#>

function Get-CitusExpected($Table) { if ($Table -is [string]) { Get-DistributedTable $Table } else { $Table } }

function New-CitusVerdict([bool] $Holds, [switch] $Negate, [string] $Because, [string] $Expected, [string] $Actual) {
    $reason = if ($Because) { ", because $($Because -replace '^because\s+')" }
    $not = if ($Negate) { 'not ' }
    [pscustomobject] @{
        Succeeded      = $Holds -ne $Negate
        FailureMessage = "Expected ${not}$Expected$reason, but $Actual."
    }
}

function Should-BeDistributedBy($ActualValue, [string] $ExpectedValue, [switch] $Negate, [string] $Because) {
    $table = Get-CitusExpected $ActualValue
    $column = $table.DistributionColumn
    New-CitusVerdict ($column -eq $ExpectedValue) -Negate:$Negate $Because "$($table.Table) to be distributed by $ExpectedValue" $(
        if ($column) { "it is distributed by $column" } else { "it is a $("$($table.Type)".ToLowerInvariant()) table" })
}

function Should-BeColocatedWith($ActualValue, $ExpectedValue, [switch] $Negate, [string] $Because) {
    $table = Get-CitusExpected $ActualValue
    $other = Get-CitusExpected $ExpectedValue
    New-CitusVerdict ($table.ColocationId -eq $other.ColocationId) -Negate:$Negate $Because "$($table.Table) to be colocated with $($other.Table)" (
        "they are in the colocation groups $($table.ColocationId) and $($other.ColocationId)")
}

function Should-BeBalanced($ActualValue, [double] $Within = 3, [switch] $Negate, [string] $Because) {
    $table = Get-CitusExpected $ActualValue
    $sizes = Get-ShardPlacement $table.Table | Sort-Object ShardId -Unique | Measure-Object SizeBytes -Average -Maximum
    $factor = if ($sizes.Average) { [Math]::Round($sizes.Maximum / $sizes.Average, 2) } else { 1 }
    New-CitusVerdict ($factor -le $Within) -Negate:$Negate $Because "the largest shard of $($table.Table) to be at most $Within times the average one" "it is $factor times"
}

foreach ($name in 'BeDistributedBy', 'BeColocatedWith', 'BeBalanced') {
    if ((Get-ShouldOperator).Name -notcontains $name) {
        Add-ShouldOperator -Name $name -InternalName "Should-$name" -Test (Get-Item "function:Should-$name").ScriptBlock
    }
}
