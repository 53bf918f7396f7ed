<#
.SYNOPSIS
    The checks of Test-CitusCluster as a Pester suite: one test a check, tagged by category.
.DESCRIPTION
    Invoke-CitusValidation runs it in one line. With Pester alone:

        $container = New-PesterContainer -Path Citus.Tests.ps1 -Data @{ Connection = 'bank'; Threshold = @{ TableSkew = 5 } }
        Invoke-Pester -Container $container -TagFilter Nodes, Shards

    Without -Connection it takes the latest connection, and where there is none it connects as psql would: by PGHOST,
    PGPORT, PGDATABASE, PGUSER, PGPASSWORD, .pgpass or PGSERVICE.

    A check that failed fails. A warning is inconclusive, or fails with -Strict. A check that could not look is skipped.

    Expectations of your own go into a file beside it, with the assertions of CitusAssertions.ps1 (with Pester 6 also in
    the form Should-BeDistributedBy):

        BeforeAll { . "$PSScriptRoot/CitusAssertions.ps1" }
        Describe 'Payments' {
            It 'joins events with users locally' {
                Get-DistributedTable payment_events | Should -BeDistributedBy user_id
                Get-DistributedTable payment_events | Should -BeColocatedWith payment_users
            }
            It 'is spread evenly' { Get-DistributedTable payment_events | Should -BeBalanced -Within 2 }
            It 'has a copy of the merchants on every node' { (Get-DistributedTable payment_merchants).Type | Should -Be Reference }
        }
#>
[Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseDeclaredVarsMoreThanAssignments', '', Justification = 'Pester hands variables on from BeforeDiscovery.')]
param(
    $Connection,
    [string[]] $Check = @(),
    [string[]] $Exclude = @(),
    [string[]] $Category = @(),
    [System.Collections.IDictionary] $Threshold = @{},
    [switch] $Strict,
    [switch] $IncludeModule
)

BeforeDiscovery {
    if (-not (Get-Command Test-CitusCluster -ErrorAction Ignore)) { Import-Module "$PSScriptRoot/../../Woodgrove.Citus.psd1" }
    $at = if ($Connection) { $Connection } else { Get-CitusConnection | Select-Object -Last 1 }
    if (-not $at) { $at = Connect-CitusCluster }
    $groups = Test-CitusCluster -Connection $at -Check $Check -Exclude $Exclude -Category $Category -Threshold $Threshold -IncludeModule:$IncludeModule |
        Group-Object Category
}

foreach ($group in $groups) {
    Describe "Citus cluster: $($group.Name)" -Tag $group.Name {
        It '<_.Check>' -ForEach $group.Group {
            $result = $_
            $says = "Expected: $($result.Expected)`nActual:   $($result.Actual)`nWhy:      $($result.Explanation)`nFix:      $($result.Fix)"
            if ($result.Status -eq 'Skipped') { Set-ItResult -Skipped -Because $result.Actual }
            elseif ($result.Status -eq 'Failed') { throw "$($result.Check) failed.`n$says" }
            elseif ($result.Status -eq 'Warning' -and $Strict) { throw "$($result.Check) warns.`n$says" }
            elseif ($result.Status -eq 'Warning') { Set-ItResult -Inconclusive -Because $says }
        }
    }
}
