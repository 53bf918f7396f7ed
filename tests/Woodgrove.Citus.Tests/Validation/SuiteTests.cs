using System.Xml.Linq;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Validation;

/// <summary>Invoke-CitusValidation and the operators, in each pwsh with each version of Pester.</summary>
public sealed class SuiteTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private string Connect => $"$null = Connect-CitusCluster -ConnectionString '{Cluster.ConnectionString}'\n";

    [Theory, MemberData(nameof(Pwsh.WithPester), MemberType = typeof(Pwsh))]
    public async Task Every_check_is_a_test_in_the_xml_with_its_category(string shell, string pester)
    {
        string xml = Path.Combine(Cluster.Folder, "validation.xml");

        (int code, string output, string error) = await Pwsh.RunAsync(shell, $$"""
            {{Connect}}
            $run = Invoke-CitusValidation -OutputFile '{{xml}}' -Output None
            "$($run.TotalCount) $((Get-CitusCheck | Where-Object Category -NE Upgrade).Count)"
            """, pester);

        Assert.True(code == 0, error + output);
        string[] counts = output.Split(' ');
        Assert.Equal(counts[1], counts[0]);
        XElement results = XDocument.Load(xml).Root!;
        Assert.Equal(counts[0], results.Attribute("total")!.Value);
        Assert.Contains(results.Descendants("test-case"),
            t => t.Attribute("name")!.Value == "Citus cluster: Nodes.CoordinatorRegistered" && t.Attribute("result")!.Value == "Success");
    }

    [Theory, MemberData(nameof(Pwsh.WithPester), MemberType = typeof(Pwsh))]
    public async Task A_failed_check_fails_with_what_was_expected_what_is_and_the_fix_and_a_warning_only_when_strict(string shell,
        string pester)
    {
        Cluster.RequireCitus();
        string keyless = Cluster.Distribute("n bigint", "n"), xml = Path.Combine(Cluster.Folder, "failed.xml");

        (int code, string output, string error) = await Pwsh.RunAsync(shell, $$"""
            {{Connect}}
            $loose = Invoke-CitusValidation ReplicaIdentity -Output None
            $strict = Invoke-CitusValidation ReplicaIdentity, NodesActive -Strict -Tag Tables -Output None -OutputFile '{{xml}}'
            "$($loose.InconclusiveCount) $($loose.FailedCount) $($strict.FailedCount) $($strict.PassedCount)"
            """, pester);

        Assert.True(code == 0, error + output);
        Assert.Equal("1 0 1 0", output);
        string message = XDocument.Load(xml).Descendants("test-case").Single(t => t.Attribute("result")!.Value == "Failure")
            .Descendants("message").Single().Value;
        Assert.Contains("Expected: a replica identity for each", message);
        Assert.Contains("Actual:   without one:", message);
        Assert.Contains("Fix:      ALTER TABLE", message);
        Assert.NotEmpty(keyless);
    }

    [Theory, MemberData(nameof(Pwsh.WithPester), MemberType = typeof(Pwsh))]
    public async Task Operators_hold_and_fail_in_sentences_also_when_a_session_runs_them_twice(string shell, string pester)
    {
        string events = Cluster.Distribute("user_id bigint", "user_id"),
            users = Cluster.Distribute("user_id bigint", "user_id", colocateWith: events),
            apart = Cluster.Distribute("user_id bigint", "user_id");
        string own = Cluster.File("Own.Tests.ps1", $$"""
            BeforeAll { . '{{Path.Combine(Repository.Root, "module", "validation", "CitusAssertions.ps1")}}' }
            Describe 'Own' {
                It 'holds' {
                    Get-DistributedTable {{events}} | Should -BeDistributedBy user_id
                    Get-DistributedTable {{events}} | Should -BeColocatedWith {{users}}
                    '{{events}}' | Should -Not -BeColocatedWith {{apart}}
                    '{{events}}' | Should -BeBalanced -Within 1.5
                }
                It 'column' { '{{events}}' | Should -BeDistributedBy login -Because 'we say so' }
                It 'group' { '{{events}}' | Should -BeColocatedWith {{apart}} }
                It 'not' { '{{events}}' | Should -Not -BeDistributedBy user_id }
            }
            """);
        string skewed = Cluster.Distribute("user_id bigint, note text", "user_id");
        Cluster.Execute($"INSERT INTO {skewed} SELECT 5, repeat('x', 100) FROM generate_series(1, 5000)");
        await File.AppendAllTextAsync(own, $"\nDescribe 'Skew' {{ It 'balance' {{ '{skewed}' | Should -BeBalanced }} }}");

        (int code, string output, string error) = await Pwsh.RunAsync(shell, $$"""
            {{Connect}}
            $null = Invoke-CitusValidation CoordinatorRegistered -Path '{{own}}' -Output None
            $run = Invoke-CitusValidation CoordinatorRegistered -Path '{{own}}' -Output None
            "$($run.PassedCount) $($run.FailedCount)"
            $run.Failed | ForEach-Object { $_.ErrorRecord[0].Exception.Message }
            """, pester);

        Assert.True(code == 0, error + output);
        string[] lines = output.Split('\n', StringSplitOptions.TrimEntries);
        Assert.Equal("2 4", lines[0]);
        Assert.Equal($"Expected {events} to be distributed by login, because we say so, but it is distributed by user_id.", lines[1]);
        Assert.StartsWith($"Expected {events} to be colocated with {apart}, but they are in the colocation groups ", lines[2]);
        Assert.Equal($"Expected not {events} to be distributed by user_id, but it is distributed by user_id.", lines[3]);
        Assert.StartsWith($"Expected the largest shard of {skewed} to be at most 3 times the average one, but it is ", lines[4]);
    }

    [Theory]
    [InlineData("Invoke-CitusValidation Nonsense", "CitusCheckNotFound", "Nonsense")]
    [InlineData("Invoke-CitusValidation -Exclude Nonsense", "CitusCheckNotFound", "Nonsense")]
    [InlineData("Invoke-CitusValidation -Threshold @{ WalLevel = 3 }", "CitusInvalidThreshold", "WalLevel has no threshold")]
    [InlineData("Invoke-CitusValidation -Path ./nowhere.Tests.ps1", "CitusFileNotFound", "nowhere.Tests.ps1")]
    [InlineData("Invoke-CitusValidation -OutputFile /dev/null/validation.xml", "CitusReadFailed", "/dev/null")]
    public void What_could_not_be_run_is_refused_before_anything_runs(string command, string errorId, string says)
    {
        if (OperatingSystem.IsWindows() && command.Contains("/dev", StringComparison.Ordinal))
            Assert.Skip("needs a path under which no folder can be made");
        Assert.Contains(says, Shell.Run(command).Failed(errorId).Exception.Message);
    }

    [Theory, MemberData(nameof(Pwsh.WithPester), MemberType = typeof(Pwsh))]
    public async Task Tests_that_could_not_be_read_are_an_error_though_none_of_them_failed(string shell, string pester)
    {
        string own = Cluster.File("Broken.Tests.ps1", "Describe 'Own' { throw 'broken here' }");

        (int code, string output, string error) = await Pwsh.RunAsync(shell, $$"""
            {{Connect}}
            $run = Invoke-CitusValidation CoordinatorRegistered -Path '{{own}}' -Output None -ErrorAction SilentlyContinue -ErrorVariable problem
            "$($run.Result) $($run.FailedCount) $($problem[0].FullyQualifiedErrorId)"
            "$($problem[0])"
            """, pester);

        Assert.True(code == 0, error + output);
        Assert.StartsWith("Failed 0 CitusValidationBroken", output);
        Assert.Contains("broken here", output);
        Assert.Contains("Broken.Tests.ps1", output);
    }

    [Theory, MemberData(nameof(Pwsh.Shells), MemberType = typeof(Pwsh))]
    public async Task Without_Pester_the_error_says_how_to_get_it(string shell)
    {
        // $PSHOME/Modules may hold Pester; the module path of this process alone leaves it out.
        (int code, string output, string error) = await Pwsh.RunAsync(shell, $$"""
            {{Connect}}
            $env:PSModulePath = '{{Cluster.Folder}}'
            try { Invoke-CitusValidation } catch { "$($_.FullyQualifiedErrorId) $($_.ErrorDetails.RecommendedAction)" }
            """);

        Assert.True(code == 0, error + output);
        Assert.StartsWith("CitusPesterMissing", output);
        Assert.Contains("Install-PSResource Pester", output);
    }
}
