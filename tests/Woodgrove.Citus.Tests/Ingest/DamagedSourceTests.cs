using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using System.Text;
using System.Text.RegularExpressions;
using Woodgrove.Citus.Core.Tests.Sources;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>
/// A source that is damaged, or is not what was asked for, is loaded exactly or refused, and the error says what is in
/// the table.
/// </summary>
public sealed partial class DamagedSourceTests(ClusterFixture cluster, ITestOutputHelper output) : ClusterTest(cluster)
{
    private string[] Routes => Cluster.IsCitus ? ["Coordinator", "Shard", "Worker"] : ["Coordinator", "Shard"];

    [Theory]
    [InlineData(".gz")]
    [InlineData(".zst")]
    public void Compressed_data_that_is_cut_off_is_refused_at_once_by_each_route_and_by_the_test(string ending)
    {
        string table = Cluster.Distribute("id bigint, note text", "id");
        byte[] rows = Archives.Rows(20_000), whole = ending == ".gz" ? Archives.Gzip(rows) : Archives.Zstd(rows);
        foreach (int length in new[] { whole.Length - 8, whole.Length / 2, 100 })
        {
            Shell["path"] = Cluster.File($"cut.csv{ending}", whole[..length]);
            foreach (string route in Routes)
            {
                var clock = Stopwatch.StartNew();
                RunResult result = Shell.Run($"Import-CsvToCitus $path {table} -Route {route}");
                Assert.Contains($"Nothing of the file is in {table}.", result.Failed("CitusInvalidCompression").Exception.Message,
                    StringComparison.Ordinal);
                Assert.Empty(result.Warnings);
                Assert.InRange(clock.Elapsed.TotalSeconds, 0, 10);
                Assert.Equal(0L, Cluster.Count(table));
            }
            Shell.Run($"Test-CitusCsv $path {table}").Failed("CitusInvalidCompression");
            Shell.Run("Test-CitusCsv $path").Failed("CitusInvalidCompression");
            Shell.Run($"New-DistributedTable {Cluster.NewName()} id -FromCsv $path").Failed("CitusInvalidCompression");
        }
    }

    public static TheoryData<string, string> Faults => new()
    {
        { "cut", "CitusInvalidCompression" },
        { "quote", "CitusUnterminatedQuote" },
        { "long", "CitusRecordTooLong" },
        { "encoding", "CitusInvalidEncoding" },
        { "errors", "CitusTooManyErrors" },
        { "row", "CitusRowRefused" },
        { "download", "CitusDownloadFailed" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void Every_fault_behind_a_checkpoint_says_what_is_committed(string fault, string errorId)
    {
        foreach (string route in Routes.Where(r => r != "Worker" || fault != "errors"))
        {
            string table = Cluster.Distribute("id bigint, note text", "id");
            byte[] rows = Archives.Rows(60_000);
            (byte[] bytes, string options) = fault switch
            {
                "cut" => (Archives.Gzip(rows)[..^9], ""),
                "quote" => ([.. rows, .. "9,\"open\n"u8], ""),
                "long" => ([.. rows, .. "9,\""u8, .. Enumerable.Repeat((byte)'x', 600_000)], "-MaxRecordSize 524288"),
                "encoding" => ([.. rows, .. "9,a"u8, 0x9D, .. "\n"u8], "-Encoding windows-1252"),
                "errors" => ([.. rows, .. "x,a\ny,b\n"u8], "-OnError Skip -MaxErrors 1"),
                "row" => ([.. rows, .. "x,a\n"u8], ""),
                _ => (rows, ""),
            };
            using var server = new RawWebServer(_ => WebAnswer.Of("200 OK", bytes).CutAfter(bytes.Length - 100));
            Shell["path"] = Cluster.File("fault.csv", bytes);
            string source = fault == "download" ? $"-Uri {server.Address}" : "$path";

            RunResult result = Shell.Run($"Import-CsvToCitus {source} -Table {table} -Route {route} -Checkpoint 256KB {options}");

            string told = result.Failed(errorId).Exception.Message;
            Match committed = Committed().Match(told);
            Assert.True(committed.Success, $"{route}: {told}");
            long count = Cluster.Count(table);
            Assert.Equal(count, long.Parse(committed.Groups[1].Value, CultureInfo.InvariantCulture));
            Assert.InRange(count, 1, 60_000);
            Shell.Run($"Get-CitusImport | Where-Object Table -like '*{table}' | Remove-CitusImport -Confirm:$false").Succeeded();
        }
    }

    [Fact]
    public void A_damaged_source_that_an_import_is_resumed_from_says_that_nothing_has_changed()
    {
        string table = Cluster.Distribute("id bigint, note text", "id");
        byte[] whole = Archives.Gzip(Archives.Rows(60_000));
        Shell["path"] = Cluster.File("resumed.csv.gz", whole[..^9]);
        Shell.Run($"Import-CsvToCitus $path {table} -Checkpoint 256KB").Failed("CitusInvalidCompression");
        long before = Cluster.Count(table);

        Cluster.File("resumed.csv.gz", whole[..20_000]);
        ErrorRecord error = Shell.Run($"Import-CsvToCitus $path {table} -Checkpoint 256KB -Resume").Failed("CitusInvalidCompression");
        Assert.Contains("The rows that earlier runs of import", error.Exception.Message, StringComparison.Ordinal);
        Assert.Equal(before, Cluster.Count(table));

        Cluster.File("resumed.csv.gz", whole);
        Shell.Run($"Import-CsvToCitus $path {table} -Checkpoint 256KB -Resume").Succeeded();
        Assert.Equal(60_000L, Cluster.Count(table));
    }

    [Fact]
    public void Bytes_that_windows_1252_does_not_define_are_refused_as_psql_refuses_them()
    {
        string table = Cluster.Distribute("id bigint, note text", "id");
        Shell["path"] = Cluster.File("undefined.csv", [.. "id,note\n1,x"u8, 0x9D, 0x81, 0x0A]);
        ErrorRecord error = Shell.Run($"Import-CsvToCitus $path {table} -Encoding windows-1252").Failed("CitusInvalidEncoding");
        Assert.Contains("line 2: the byte 0x9D is not defined in windows-1252 (byte 11 of the file", error.Exception.Message,
            StringComparison.Ordinal);
        Shell.Run($"Test-CitusCsv $path {table} -Encoding windows-1252").Failed("CitusInvalidEncoding");
        Assert.Equal(0L, Cluster.Count(table));
    }

    [Fact]
    public async Task A_web_server_that_falls_silent_holds_no_locks_before_its_first_bytes_and_none_once_it_is_given_up()
    {
        byte[] rows = Archives.Rows(60_000);
        foreach (string route in Routes)
        {
            string table = Cluster.Distribute("id bigint, note text", "id");
            string locks = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.pid <> pg_backend_pid() AND "
                + $"(l.relation = '{table}'::regclass AND l.mode <> 'AccessShareLock' OR a.state = 'idle in transaction' AND "
                + "a.application_name LIKE 'Woodgrove%')";
            using (var silent = new RawWebServer(_ => new WebAnswer([], ThenSilence: true)))
            {
                using PowerShell load = Shell.Create($"Import-CsvToCitus -Uri {silent.Address} -Table {table} -Route {route} "
                    + $"-ReadTimeout 1");
                Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
                for (int i = 0; i < 100 && silent.Requests.IsEmpty; i++) await Task.Delay(20, TestContext.Current.CancellationToken);
                Assert.NotEmpty(silent.Requests);
                Assert.Equal(0L, Cluster.Scalar(locks));
                await running.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
                Assert.Contains("gave no answer", Assert.Single(load.Streams.Error).Exception.Message, StringComparison.Ordinal);
            }
            using var stalled = new RawWebServer(_ => WebAnswer.Of("200 OK", rows).CutAfter(rows.Length - 1000) with
                { ThenSilence = true });
            var clock = Stopwatch.StartNew();
            RunResult result = Shell.Run($"Import-CsvToCitus -Uri {stalled.Address} -Table {table} -Route {route} -ReadTimeout 1");
            Assert.Matches(@"sent (nothing for|only \d+ bytes in) 1 s", result.Failed("CitusDownloadFailed").Exception.Message);
            Assert.InRange(clock.Elapsed.TotalSeconds, 2, 20);
            Assert.Equal(0L, Cluster.Scalar(locks));
            Assert.Equal(0L, Cluster.Count(table));
        }
    }

    [Fact]
    public async Task A_web_server_that_sends_a_byte_now_and_then_does_not_hold_locks_for_ever()
    {
        byte[] rows = Archives.Rows(60_000);
        foreach (string route in Routes)
        {
            string table = Cluster.Distribute("id bigint, note text", "id");
            string locks = $"SELECT count(*) FROM pg_locks WHERE pid <> pg_backend_pid() AND relation = '{table}'::regclass AND mode <> "
                + "'AccessShareLock'";
            using var server = new RawWebServer(_ => WebAnswer.Of("200 OK", rows).DripAfter(rows.Length - 1000));
            using PowerShell load = Shell.Create($"Import-CsvToCitus -Uri {server.Address} -Table {table} -Route {route} -ReadTimeout 2");
            Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
            long held = 0;
            var clock = Stopwatch.StartNew();
            while ((held == 0 || server.Requests.Count < 2) && !running.IsCompleted && clock.Elapsed < TimeSpan.FromSeconds(30))
            {
                await Task.Delay(20, TestContext.Current.CancellationToken);
                held = Math.Max(held, (long)Cluster.Scalar(locks)!);
            }
            Assert.NotEqual(0L, held);
            Assert.True(server.Requests.Count == 2, "the first answer still trickles, and the locks are still held");
            await running.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

            string told = Assert.Single(load.Streams.Error).Exception.Message;

            Assert.Matches(@"the web server sent only \d+ bytes in 2 s", told);
            Assert.Contains($"Nothing of the file is in {table}.", told, StringComparison.Ordinal);
            Assert.Equal(0L, Cluster.Count(table));
            Assert.Equal(0L, Cluster.Scalar(locks));
        }
    }

    [Fact]
    public void Damaged_at_random_places_a_load_by_each_route_is_exact_or_refused_and_says_what_is_in_the_table()
    {
        Random random = FaultCluster.Chance(output);
        int places = int.TryParse(Environment.GetEnvironmentVariable("WOODGROVE_TEST_DAMAGES"), out int chosen) ? chosen : 60;
        byte[] rows = Archives.Rows(6000), gzip = Archives.Gzip(rows[..50_000], rows[50_000..]), zstd = Archives.Zstd(rows);
        string table = Cluster.Distribute("id bigint, note text", "id"), expected = Cluster.CreateTable("id bigint, note text");
        Cluster.CopyAsPsql(expected, rows, "FORMAT csv, HEADER true");
        string[] all = Cluster.Rows(expected);
        int refused = 0;
        foreach (string route in Routes)
        {
            for (int round = 0; round < places; round++)
            {
                string what = "";
                byte[] Damaged(byte[] whole)
                {
                    // Each of the four ways with each of the three sources.
                    (byte[] bytes, string damage) = Archives.Damage(whole, random, round / 3 % 4);
                    what += damage + "; ";
                    return bytes;
                }
                using var server = new RawWebServer(r => r.Number > 2 ? WebAnswer.Of("200 OK", gzip, "ETag: \"1\"")
                    : new WebAnswer(Damaged(WebAnswer.Of("200 OK", gzip, "ETag: \"1\"").Bytes)), "rows.csv.gz");
                (byte[]? bytes, string name) = (round % 3) switch { 0 => (Damaged(gzip), "f.csv.gz"), 1 => (Damaged(zstd), "f.csv.zst"),
                    _ => (null, "") };
                if (bytes is not null) Shell["path"] = Cluster.File(name, bytes);
                RunResult result = Shell.Run($"Import-CsvToCitus {(bytes is null ? $"-Uri {server.Address} -ReadTimeout 2" : "$path")} "
                    + $"-Table {table} -Route {route} -WarningAction SilentlyContinue");
                if (result.Errors.Count == 0)
                {
                    Assert.True(all.SequenceEqual(Cluster.Rows(table)), $"{route}, {name}: {what}other rows, and no error");
                    Cluster.Execute($"TRUNCATE {table}");
                    continue;
                }
                refused++;
                string told = Assert.Single(result.Errors).Exception.Message;
                Assert.True(told.Contains($"Nothing of the file is in {table}.", StringComparison.Ordinal),
                    $"{route}, {name}: {what}{told}");
                Assert.Equal(0L, Cluster.Count(table));
            }
        }
        output.WriteLine($"{refused} of {places * Routes.Length} refused");
        Assert.InRange(refused, places * Routes.Length / 4, places * Routes.Length - 1);
    }

    [GeneratedRegex(@"(\d+) rows up to byte \d+ are committed")]
    private static partial Regex Committed();
}
