using System.Diagnostics;
using System.Globalization;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Safety;

/// <summary>A pooler that lends a server session to several clients breaks what session locks promise: it is found out.</summary>
public sealed class PoolerTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    [Theory]
    [InlineData("transaction")]
    [InlineData("session")]
    public async Task Two_loads_of_one_import_through_PgBouncer(string mode)
    {
        Cluster.RequireSandbox();
        string? program = Repository.OnPath("pgbouncer") ?? (File.Exists("/usr/sbin/pgbouncer") ? "/usr/sbin/pgbouncer" : null);
        if (program is null || OperatingSystem.IsWindows()) Assert.Skip("needs PgBouncer, and setpriv where run as root");
        string folder = Directory.CreateTempSubdirectory("woodgrove-pooler-").FullName;
        int port = Repository.FreePort();
        var server = new NpgsqlConnectionStringBuilder(Cluster.ConnectionString);
        string password = File.ReadAllText(server.Passfile!).Trim().Split(':')[^1];
        File.WriteAllText(Path.Combine(folder, "users.txt"), $"\"postgres\" \"{password}\"\n");
        File.WriteAllText(Path.Combine(folder, "pgbouncer.ini"), string.Create(CultureInfo.InvariantCulture, $"""
            [databases]
            citus = host=127.0.0.1 port={server.Port} dbname=citus
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = plain
            auth_file = {folder}/users.txt
            pool_mode = {mode}
            default_pool_size = 20
            ignore_startup_parameters = extra_float_digits
            logfile = {folder}/log
            pidfile = {folder}/pid
            """));
        string[] account = Environment.IsPrivilegedProcess ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"] : [];
        if (!OperatingSystem.IsWindows() && Environment.IsPrivilegedProcess)
        {
            File.SetUnixFileMode(folder, (UnixFileMode)0b111_111_111);
            foreach (string file in Directory.GetFiles(folder)) File.SetUnixFileMode(file, (UnixFileMode)0b110_100_100);
        }
        string[] command = [.. account, program!, Path.Combine(folder, "pgbouncer.ini")];
        using Process pooler = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardError = true })!;
        try
        {
            await ListensAsync(port);
            string table = Cluster.Distribute("id bigint, user_id bigint, note text", "user_id"),
                other = Cluster.Distribute("id bigint, user_id bigint, note text", "user_id");
            Shell["path"] = Cluster.File("pooled.csv", FaultCluster.Generate(60_000, 5));
            Shell["pooled"] = $"Host=127.0.0.1;Port={port};Database=citus;Username=postgres;Password={password};No Reset On "
                + $"Close={mode == "transaction"}";
            Shell.Run("$null = Connect-CitusCluster -ConnectionString $pooled -Name pooled").Succeeded();
            Guid import = Guid.NewGuid();
            RunResult load = Shell.Run($"Import-CsvToCitus $path {table} -Route Coordinator -ImportId {import} -Checkpoint 200KB "
                + "-Connection pooled");
            if (mode == "session")
            {
                Assert.Equal(60_000L, load.Single.Get("Rows"));
                return;
            }
            // Several clients at once, so that sessions change hands.
            string script = $"$null = Connect-CitusCluster -ConnectionString '{Shell["pooled"]}'; "
                + $"Import-CsvToCitus '{Shell["path"]}' {other} -Route Coordinator -ImportId {Guid.NewGuid()} -Checkpoint 100KB "
                + "-ErrorAction Stop";
            (int ExitCode, string Output, string Error)[] loads = await Task.WhenAll(Enumerable.Range(0, 3)
                .Select(_ => Repository.RunScriptAsync(script)));
            Assert.Contains(loads, l => l.ExitCode != 0); // they are one import
            // Which of a session's settings and locks is missed first is chance; what is loaded is not.
            Assert.All(loads.Where(l => l.ExitCode != 0), l => Assert.Matches("^Citus", l.Error));
            Assert.Equal(Cluster.Scalar("SELECT coalesce(sum(rows), 0)::bigint FROM woodgrove.import_batch WHERE table_name = "
                + $"'public.{other}'"), Cluster.Count(other));
            Assert.Equal(Cluster.Count(other), Cluster.Scalar($"SELECT count(DISTINCT id) FROM {other}"));
        }
        finally
        {
            pooler.Kill();
            await pooler.WaitForExitAsync(TestContext.Current.CancellationToken);
            Shell.Run("Get-CitusConnection | Where-Object Name -EQ pooled | Disconnect-CitusCluster").Succeeded();
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>A client of the same server session can release all of its locks. Here a trigger does it, in that session.</summary>
    [Fact]
    public void A_session_that_has_lost_the_lock_of_its_import_commits_nothing()
    {
        (string table, Guid import) = (Cluster.CreateTable("id bigint, user_id bigint, note text"), Guid.NewGuid());
        Cluster.Execute($"""
            CREATE FUNCTION {table}_unlock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.id = 30000 THEN PERFORM pg_advisory_unlock_all(); END IF; RETURN NEW; END $$;
            CREATE TRIGGER unlock BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_unlock()
            """);
        Shell["path"] = Cluster.File("unlocked.csv", FaultCluster.Generate(60_000, 5));

        RunResult load = Shell.Run($"Import-CsvToCitus $path {table} -Route Coordinator -ImportId {import} -Checkpoint 200KB");

        load.Failed("CitusPoolerNotSupported");
        object committed = Cluster.Scalar($"SELECT coalesce(sum(rows), 0)::bigint FROM woodgrove.import_batch WHERE import_id = '{import}'")!;
        Assert.Equal(committed, Cluster.Count(table));
        Assert.InRange((long)committed, 1, 30_000); // batches before the row that released it
    }

    private static async Task ListensAsync(int port)
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                using var client = new System.Net.Sockets.TcpClient();
                await client.ConnectAsync("127.0.0.1", port, TestContext.Current.CancellationToken);
                return;
            }
            catch (System.Net.Sockets.SocketException) when (attempt < 100)
            {
                await Task.Delay(50, TestContext.Current.CancellationToken);
            }
        }
    }
}
