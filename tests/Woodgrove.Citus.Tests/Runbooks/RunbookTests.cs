using System.Text.Json;
using System.Xml.Linq;
using Woodgrove.Citus.Tests.Hosting;
using Woodgrove.Citus.Tests.Validation;

namespace Woodgrove.Citus.Tests.Runbooks;

/// <summary>The runbooks of module/examples, unattended in each pwsh, to their exit codes.</summary>
public sealed class RunbookTests : ClusterTest, IClassFixture<HealthyCluster>
{
    private readonly HealthyCluster _healthy;

    public RunbookTests(ClusterFixture cluster, HealthyCluster healthy) : base(cluster)
    {
        cluster.RequireSandbox();
        _healthy = healthy;
    }

    [Theory, MemberData(nameof(Pwsh.Shells), MemberType = typeof(Pwsh))]
    public async Task A_nightly_load_rejects_bad_rows_and_reports_in_json(string shell)
    {
        string table = Cluster.Distribute("event_id bigint, user_id bigint, PRIMARY KEY (event_id, user_id)", "user_id");
        Cluster.File("nightly.csv", string.Concat(Enumerable.Range(1, 300).Select(i => i == 77 ? "x,5\n" : $"{i},{i % 9}\n")));
        string rejects = Path.Combine(Cluster.Folder, $"rejects-{shell}");

        (int code, string output, string error) = await RunAsync(shell, "Import-NightlyPayments.ps1",
            $"-Uri {Web("nightly.csv")} -Table {table} -RejectPath '{rejects}'");

        Assert.True(code == 0, error + output);
        JsonElement result = JsonDocument.Parse(output).RootElement;
        Assert.Equal((299, 1), (result.GetProperty("Rows").GetInt32(), result.GetProperty("Rejected").GetInt32()));
        Assert.Equal(299, Cluster.Count(table));
    }

    [Theory, MemberData(nameof(Pwsh.Shells), MemberType = typeof(Pwsh))]
    public async Task A_nightly_load_with_too_many_bad_rows_or_no_file_fails_the_job(string shell)
    {
        string table = Cluster.Distribute("event_id bigint, user_id bigint", "user_id");
        Cluster.File("mostly-bad.csv", "1,1\nx,2\ny,3\n");

        (int bad, _, string why) = await RunAsync(shell, "Import-NightlyPayments.ps1",
            $"-Uri {Web("mostly-bad.csv")} -Table {table} -RejectPath '{Path.Combine(Cluster.Folder, $"too-many-{shell}")}'");
        (int missing, _, string whyMissing) = await RunAsync(shell, "Import-NightlyPayments.ps1",
            $"-Uri {Web("nowhere.csv")} -Table {table}");

        Assert.True(bad != 0 && why.Length > 0, why);
        Assert.True(missing != 0 && whyMissing.Contains("404"), whyMissing);
        Assert.Equal(0, Cluster.Count(table));
    }

    [Theory, MemberData(nameof(Pwsh.WithPester), MemberType = typeof(Pwsh))]
    public async Task Validation_writes_its_xml_and_its_page_and_passes_a_healthy_cluster(string shell, string pester)
    {
        Cluster.RequireCitus();
        string folder = Path.Combine(Cluster.Folder, "validated");

        (int code, string output, string error) = await RunAsync(shell, "Test-Cluster.ps1", $"-Path '{folder}'", _healthy.Coordinator,
            pester);

        Assert.True(code == 0, error + output);
        Assert.Equal("Passed", JsonDocument.Parse(output).RootElement.GetProperty("Result").GetString());
        Assert.Equal("0", XDocument.Load(Path.Combine(folder, "validation.xml")).Root!.Attribute("failures")!.Value);
        Assert.Contains("payment_events", File.ReadAllText(Path.Combine(folder, "report.html")));
    }

    [Theory, MemberData(nameof(Pwsh.WithPester), MemberType = typeof(Pwsh))]
    public async Task Validation_of_a_cluster_with_a_fault_fails_the_job_and_names_the_check(string shell, string pester)
    {
        Cluster.RequireCitus();
        string folder = Path.Combine(Cluster.Folder, "invalid");
        _healthy.Worker.Run("BEGIN", "CREATE TABLE half_done (id int)", "PREPARE TRANSACTION 'forgotten'");
        try
        {
            (int code, string output, string error) = await RunAsync(shell, "Test-Cluster.ps1",
                $"-Path '{folder}' -Threshold @{{ PreparedTransactions = 0 }}", _healthy.Coordinator, pester);

            Assert.NotEqual(0, code);
            // The console breaks the message into lines, also within words.
            string message = string.Concat(error.Where(c => !char.IsWhiteSpace(c) && c != '|'));
            Assert.True(message.Contains("1check(s)failed:PreparedTransactions", StringComparison.Ordinal), error);
            Assert.Equal("1", XDocument.Load(Path.Combine(folder, "validation.xml")).Root!.Attribute("failures")!.Value);
        }
        finally
        {
            _healthy.Worker.Run("ROLLBACK PREPARED 'forgotten'");
        }
    }

    [Theory, MemberData(nameof(Pwsh.Shells), MemberType = typeof(Pwsh))]
    public async Task A_rebalance_ends_when_it_is_done_and_at_the_latest_when_the_window_closes(string shell)
    {
        Cluster.RequireCitus();
        _healthy.Coordinator.Run(
            $"SELECT citus_set_node_property('127.0.0.1', {_healthy.Worker.Port}, 'shouldhaveshards', false)",
            "CREATE TABLE lopsided (lopsided_id bigint PRIMARY KEY)",
            "SELECT create_distributed_table('lopsided', 'lopsided_id', colocate_with := 'none', shard_count := 4)",
            "INSERT INTO lopsided SELECT generate_series(1, 800000)", // so that a move is not over before it can be stopped
            $"SELECT citus_set_node_property('127.0.0.1', {_healthy.Worker.Port}, 'shouldhaveshards', true)");
        try
        {
            (int closed, string early, string complaint) = await RunAsync(shell, "Start-RebalanceWindow.ps1",
                "-Window 00:00:00 -Interval 00:00:00.1 -TransferMode block_writes", _healthy.Coordinator);
            Assert.True(closed == 0, complaint + early);
            Assert.Equal(["Planned", "Stopped"], States(early).Where(s => s is "Planned" or "Stopped"));

            (int code, string output, string error) = await RunAsync(shell, "Start-RebalanceWindow.ps1",
                "-Window 00:01:30 -Interval 00:00:01 -TransferMode block_writes", _healthy.Coordinator);
            Assert.True(code == 0, error + output);
            Assert.Equal(("Planned", "Finished"), (States(output)[0], States(output)[^1]));
            Assert.Equal(2, _healthy.Coordinator.Get<long>("SELECT count(*) FROM pg_dist_shard JOIN pg_dist_placement USING (shardid) "
                + $"JOIN pg_dist_node USING (groupid) WHERE logicalrelid = 'lopsided'::regclass AND nodeport = {_healthy.Worker.Port}"));

            (int again, string nothing, _) = await RunAsync(shell, "Start-RebalanceWindow.ps1", "-TransferMode block_writes",
                _healthy.Coordinator);
            Assert.Equal((0, "Balanced"), (again, Assert.Single(States(nothing))));
        }
        finally
        {
            _healthy.Coordinator.Run("DROP TABLE lopsided");
        }
    }

    [Theory, MemberData(nameof(Pwsh.Shells), MemberType = typeof(Pwsh))]
    public async Task A_node_leaves_and_comes_back_with_its_share_of_the_shards(string shell)
    {
        Cluster.RequireCitus();
        int port = _healthy.Worker.Port;
        string content = _healthy.Coordinator.Get<string>(Content);

        (int code, string output, string error) = await RunAsync(shell, "Resize-Cluster.ps1",
            $"-Remove 127.0.0.1:{port} -TransferMode block_writes", _healthy.Coordinator);
        Assert.True(code == 0, error + output);
        Assert.Equal(["Removed"], States(output));
        Assert.Equal(0L, _healthy.Coordinator.Get<long>($"SELECT count(*) FROM pg_dist_node WHERE nodeport = {port}"));
        Assert.Equal(content, _healthy.Coordinator.Get<string>(Content));

        (code, output, error) = await RunAsync(shell, "Resize-Cluster.ps1", $"-Add 127.0.0.1:{port} -TransferMode block_writes",
            _healthy.Coordinator);
        Assert.True(code == 0, error + output);
        Assert.Equal(["Added", "Rebalanced"], States(output));
        Assert.True(_healthy.Coordinator.Get<long>("SELECT count(*) FROM pg_dist_placement JOIN pg_dist_node USING (groupid) "
            + $"WHERE nodeport = {port}") > 20);
        Assert.Equal(content, _healthy.Coordinator.Get<string>(Content));
    }

    private const string Content = "SELECT count(*) || ' ' || sum(hashtext(event_id || ' ' || user_id)::bigint) FROM payment_events";

    [Theory, MemberData(nameof(Pwsh.Shells), MemberType = typeof(Pwsh))]
    public async Task Large_tenants_get_shards_of_their_own_once(string shell)
    {
        Cluster.RequireCitus();
        _healthy.Coordinator.Run("CREATE TABLE tenants (id bigint, tenant_id bigint, PRIMARY KEY (tenant_id, id))",
            "SELECT create_distributed_table('tenants', 'tenant_id', colocate_with := 'none', shard_count := 4)",
            "INSERT INTO tenants SELECT i, CASE WHEN i <= 4000 THEN 7 ELSE i END FROM generate_series(1, 8000) i");
        try
        {
            (int code, string output, string error) = await RunAsync(shell, "Split-LargeTenants.ps1",
                "-Table tenants -TransferMode block_writes", _healthy.Coordinator);
            Assert.True(code == 0, error + output);
            Assert.Equal(["Split", "Rebalanced"], States(output));
            Assert.Equal(1L, _healthy.Coordinator.Get<long>("SELECT count(*) FROM pg_dist_shard WHERE logicalrelid = 'tenants'::regclass "
                + "AND shardminvalue = shardmaxvalue AND shardminvalue::int = hashint8(7)"));
            Assert.Equal(8000L, _healthy.Coordinator.Get<long>("SELECT count(*) FROM tenants"));

            (code, output, error) = await RunAsync(shell, "Split-LargeTenants.ps1", "-Table tenants -TransferMode block_writes",
                _healthy.Coordinator);
            Assert.True(code == 0, error + output);
            Assert.Equal(["Balanced"], States(output));
        }
        finally
        {
            _healthy.Coordinator.Run("DROP TABLE tenants");
        }
    }

    [Theory, MemberData(nameof(Pwsh.Shells), MemberType = typeof(Pwsh))]
    public async Task A_long_load_takes_its_tokens_from_a_script_block(string shell)
    {
        string table = Cluster.Distribute("event_id bigint, user_id bigint, PRIMARY KEY (event_id, user_id)", "user_id");
        Cluster.File("history.csv", string.Concat(Enumerable.Range(1, 500).Select(i => $"{i},{i % 9}\n")));
        string password = File.ReadAllText(Path.Combine((string)Cluster.Sandbox!.Get("Path")!, "pgpass")).Trim().Split(':')[^1];

        (int code, string output, string error) = await RunAsync(shell, "Import-LongHistory.ps1",
            $"-Uri {Web("history.csv")} -Table {table} -UserName postgres -Token {{ Add-Content "
                + $"'{Path.Combine(Cluster.Folder, $"fetched-{shell}")}' x; '{password}' }}");

        Assert.True(code == 0, error + output);
        Assert.Equal(500, JsonDocument.Parse(output).RootElement.GetProperty("Rows").GetInt32());
        Assert.Single(File.ReadAllLines(Path.Combine(Cluster.Folder, $"fetched-{shell}")));
    }

    public static MatrixTheoryData<string, string> Unattended => new(Pwsh.Shells.Select(s => s.Data),
    [
        "Import-NightlyPayments.ps1 -Uri http://127.0.0.1:1/none.csv -Table t",
        "Test-Cluster.ps1 -Path out",
        "Start-RebalanceWindow.ps1",
        "Resize-Cluster.ps1 -Remove nowhere:1",
        "Split-LargeTenants.ps1 -Table t",
        "Move-Cluster.ps1 -From @{} -To @{}",
        "Import-LongHistory.ps1 -Uri http://127.0.0.1:1/none.csv -Table t -UserName postgres -Token { 'expired' }",
    ]);

    [Theory, MemberData(nameof(Unattended))]
    public async Task Every_runbook_fails_its_job_with_the_server_s_name_when_it_is_not_let_in(string shell, string runbook)
    {
        (int code, string output, string error) = await Pwsh.RunAsync(shell, $"Set-Location '{Runbooks}'\n./{runbook}", null,
            ("PGHOST", "127.0.0.1"), ("PGPORT", $"{Cluster.Sandbox!.Get("Port")}"), ("PGDATABASE", "citus"), ("PGUSER", "postgres"),
            ("PGPASSWORD", "wrong"), ("PGPASSFILE", null));

        Assert.Equal((1, ""), (code, output));
        Assert.Contains($"Noconnectionto127.0.0.1:{Cluster.Sandbox!.Get("Port")}/citusaspostgres:passwordauthenticationfailed",
            string.Concat(error.Where(c => !char.IsWhiteSpace(c) && c != '|')));
    }

    [Theory, MemberData(nameof(Pwsh.WithPester), MemberType = typeof(Pwsh))]
    public async Task A_validation_that_cannot_run_fails_its_job(string shell, string pester)
    {
        Cluster.RequireCitus();
        (int code, _, string error) = await RunAsync(shell, "Test-Cluster.ps1",
            $"-Path '{Path.Combine(Cluster.Folder, "unknown")}' -Threshold @{{ WalLevel = 3 }}", _healthy.Coordinator, pester);

        Assert.Equal(1, code);
        Assert.Contains("WalLevel has no threshold", error);
    }

    private static string Runbooks => Path.Combine(Repository.Root, "module", "examples", "runbooks");

    private static string[] States(string output) =>
        [.. output.Split('\n').Select(l => JsonDocument.Parse(l).RootElement.GetProperty("State").GetString()!)];

    private string Web(string file) => new Uri((Uri)Cluster.Sandbox!.Get("WebUri")!, file).ToString();

    /// <summary>As a job has it: no profile, no prompt, the connection from the environment.</summary>
    private Task<(int ExitCode, string Output, string Error)> RunAsync(string shell, string runbook, string arguments,
        NodeUnderTest? at = null, string? pester = null) => Pwsh.RunAsync(
        shell, $"& '{Path.Combine(Runbooks, runbook)}' {arguments}", pester,
        ("PGHOST", "127.0.0.1"), ("PGPORT", $"{at?.Port ?? (int)Cluster.Sandbox!.Get("Port")!}"), ("PGDATABASE", "citus"),
        ("PGUSER", "postgres"),
        ("PGPASSFILE", at?.PasswordFile ?? Path.Combine((string)Cluster.Sandbox!.Get("Path")!, "pgpass")));
}
