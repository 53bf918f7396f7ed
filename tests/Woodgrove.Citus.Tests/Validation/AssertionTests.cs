using System.Xml.Linq;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Validation;

/// <summary>CitusAssertions.ps1 in each pwsh with each version of Pester: what is wrong fails, however it is written.</summary>
public sealed class AssertionTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private static string Assertions => Path.Combine(Repository.Root, "module", "validation", "CitusAssertions.ps1");

    private string Connect => $"$null = Connect-CitusCluster -ConnectionString '{Cluster.ConnectionString}'\n";

    [Theory, MemberData(nameof(Pwsh.WithPester), MemberType = typeof(Pwsh))]
    public async Task A_wrong_expectation_fails_and_a_right_one_holds_in_each_way_of_writing_it(string shell, string pester)
    {
        string events = Cluster.Distribute("user_id bigint", "user_id"),
            users = Cluster.Distribute("user_id bigint", "user_id", colocateWith: events),
            apart = Cluster.Distribute("user_id bigint", "user_id");
        string local = Cluster.CreateTable("user_id bigint"), skewed = Cluster.Distribute("user_id bigint, note text", "user_id");
        Cluster.Execute($"INSERT INTO {skewed} SELECT 5, repeat('x', 100) FROM generate_series(1, 5000)");
        string reference = Cluster.CreateTable("user_id bigint");
        Cluster.Execute($"SELECT create_reference_table('{reference}')");
        string[] wrong =
        [
            $"'{events}' | Should -BeDistributedBy login", $"Get-DistributedTable {events} | Should-BeDistributedBy login",
            $"$t = Get-DistributedTable {events}; $t | Should-BeDistributedBy -ExpectedValue login",
            $"Should-BeDistributedBy login -Actual '{events}'",
            $"'{events}', '{users}' | Should-BeDistributedBy login", $"'{events}' | Should -Not -BeDistributedBy user_id",
            $"'{events}' | Should-NotBeDistributedBy user_id",
            $"'{local}' | Should -BeDistributedBy user_id", $"'{local}' | Should-BeDistributedBy user_id",
            $"'{events}' | Should -BeColocatedWith {apart}", $"'{events}' | Should-BeColocatedWith {apart}",
            $"'{local}' | Should-BeColocatedWith {local}",
            $"'{events}' | Should -Not -BeColocatedWith {users}", $"'{events}' | Should-NotBeColocatedWith {users}",
            $"'{skewed}' | Should -BeBalanced", $"'{skewed}' | Should-BeBalanced", $"'{events}' | Should-NotBeBalanced",
            $"'{events}' | Should -Not -BeBalanced",
            "@() | Should -BeDistributedBy user_id", "@() | Should-BeDistributedBy user_id", "@() | Should -Not -BeDistributedBy user_id",
            "@() | Should-NotBeDistributedBy user_id",
            "'no_such_table' | Should -Not -BeDistributedBy user_id", "'no_such_table' | Should-NotBeDistributedBy user_id",
            "@() | Should-BeBalanced", "@() | Should -Not -BeBalanced",
        ];
        string[] right =
        [
            $"'{events}' | Should -BeDistributedBy user_id", $"Get-DistributedTable {events}, {users} | Should-BeDistributedBy user_id",
            $"Should-NotBeDistributedBy login -Actual '{events}'",
            $"'{events}' | Should -BeColocatedWith {users}", $"'{events}' | Should-BeColocatedWith {users}",
            $"'{events}' | Should-NotBeColocatedWith {apart}",
            $"'{events}' | Should -BeColocatedWith {reference}", $"'{events}' | Should-BeColocatedWith {reference}",
            $"'{events}' | Should-BeBalanced -Within 1.5", $"'{skewed}' | Should-NotBeBalanced",
        ];
        string own = Write("Ways", wrong.Select(w => ("wrong", w)).Concat(right.Select(r => ("right", r)))),
            xml = Path.Combine(Cluster.Folder, "ways.xml");

        (int code, string output, string error) = await Pwsh.RunAsync(shell, $$"""
            {{Connect}}
            $run = Invoke-CitusValidation CoordinatorRegistered -Path '{{own}}' -Output None -OutputFile '{{xml}}'
            (Get-Module Pester).Version.ToString()
            $run.Tests | Where-Object { $_.Path[0] -eq 'wrong' } | Where-Object Result -ne Failed | ForEach-Object { "passed although wrong: $($_.Name)" }
            $run.Tests | Where-Object { $_.Path[0] -eq 'right' } | Where-Object Result -ne Passed | ForEach-Object { "failed although right: $($_.Name): $($_.ErrorRecord)" }
            """, pester);

        Assert.True(code == 0, error + output);
        Assert.True(pester == output, output);
        XElement[] failures = [.. XDocument.Load(xml).Descendants("test-case").Where(t => t.Attribute("result")!.Value == "Failure")];
        Assert.Equal(wrong.Length, failures.Length);
        Assert.Equal(2, failures.Count(f => f.Descendants("message").Single().Value.Contains($"Expected {events} to be colocated with "
            + $"{apart}, but they are in the colocation groups", StringComparison.Ordinal)));
        Assert.Equal(6, failures.Count(f => f.Descendants("message").Single().Value.Contains("Expected a table, but there was none.",
            StringComparison.Ordinal)));
    }

    [Theory, MemberData(nameof(Pwsh.WithPester), MemberType = typeof(Pwsh))]
    public async Task The_settings_of_Pester_6_hold_for_them(string shell, string pester)
    {
        if (!pester.StartsWith('6')) return; // Pester 5 has neither setting.
        string events = Cluster.Distribute("user_id bigint", "user_id");
        string own = Write("Settings", [("wrong", $"'{events}' | Should-BeDistributedBy login; "
            + $"'{events}' | Should-NotBeDistributedBy user_id"), ("right", $"'{events}' | Should-BeDistributedBy user_id")]);

        (int code, string output, string error) = await Pwsh.RunAsync(shell, $$"""
            {{Connect}}
            $PesterPreference = New-PesterConfiguration
            $PesterPreference.Should.DisableV5 = $true
            $PesterPreference.Should.ErrorAction = 'Continue'
            $run = Invoke-CitusValidation CoordinatorRegistered -Path '{{own}}' -Output None
            $run.Tests | Where-Object { $_.Path[0] -in 'wrong', 'right' } | ForEach-Object { "$($_.Path[0]) $($_.Result)"; $_.ErrorRecord | ForEach-Object { "$_" } }
            """, pester);

        Assert.True(code == 0, error + output);
        Assert.Equal(
        [
            "wrong Failed", $"Expected {events} to be distributed by login, but it is distributed by user_id.",
            $"Expected not {events} to be distributed by user_id, but it is distributed by user_id.", "right Passed",
        ], output.Split('\n', StringSplitOptions.TrimEntries));
    }

    [Theory, MemberData(nameof(Pwsh.WithPester), MemberType = typeof(Pwsh))]
    public async Task The_suite_gives_the_same_results_in_parallel(string shell, string pester)
    {
        if (!pester.StartsWith('6')) return; // Pester 5 has no Run.Parallel.
        string events = Cluster.Distribute("user_id bigint", "user_id");
        string own = Write("Parallel", [("wrong", $"'{events}' | Should -BeDistributedBy login"), ("right", $"'{events}' | "
            + "Should-BeDistributedBy user_id")]);

        (int code, string output, string error) = await Pwsh.RunAsync(shell, $$"""
            {{Connect}}
            function Run { Invoke-CitusValidation -Path '{{own}}' -Output None | ForEach-Object Tests | ForEach-Object { "$($_.ExpandedPath): $($_.Result)" } | Sort-Object }
            $sequential = Run
            $PesterPreference = New-PesterConfiguration
            $PesterPreference.Run.Parallel = $true
            $parallel = Run
            $PesterPreference.Run.Parallel = $false
            $again = Run # a check of a cluster that is at work may have another result from one moment to the next
            $sequential | Where-Object { $again -contains $_ -and $parallel -notcontains $_ } | ForEach-Object { "differs: $_" }
            "$($parallel.Count) $((Get-CitusCheck | Where-Object Category -NE Upgrade).Count) $($parallel -match '^(wrong|right)' -replace '^(\w+)\..*: ', '$1 ')"
            """, pester);

        Assert.True(code == 0, error + output);
        Assert.DoesNotContain("differs:", output, StringComparison.Ordinal);
        string[] counts = output.Split(' ', 3);
        Assert.Equal($"{int.Parse(counts[1], System.Globalization.CultureInfo.InvariantCulture) + 2}", counts[0]);
        Assert.Equal("right Passed wrong Failed", counts[2]);
    }

    [Theory, MemberData(nameof(Pwsh.WithPester), MemberType = typeof(Pwsh))]
    public async Task A_version_of_Pester_that_the_session_has_removed_is_loaded_again(string shell, string pester)
    {
        (int code, string output, string error) = await Pwsh.RunAsync(shell, $"""
            {Connect}
            Remove-Module Pester
            $run = Invoke-CitusValidation CoordinatorRegistered -Output None
            "$($run.Version) $($run.PassedCount)"
            """, pester);

        Assert.True(code == 0, error + output);
        Assert.Equal($"{pester} 1", output);
    }

    /// <summary>A file with a test for each assertion.</summary>
    private string Write(string name, IEnumerable<(string Block, string Assertion)> tests) => Cluster.File($"{name}.Tests.ps1",
        $"BeforeAll {{ . '{Assertions}' }}\n"
            + string.Concat(tests.Select(t => $"Describe '{t.Block}' {{ It '{t.Assertion.Replace("'", "''")}' {{ {t.Assertion} }} }}\n")));
}
