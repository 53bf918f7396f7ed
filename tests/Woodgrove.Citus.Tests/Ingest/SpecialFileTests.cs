using System.Diagnostics;
using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>Pipes, links, and files that are both read and written.</summary>
public sealed class SpecialFileTests : ClusterTest, IDisposable
{
    private const string Csv = "id,note\n1,a\nx,bad\n2,b\n";
    private readonly string _folder = Directory.CreateTempSubdirectory("woodgrove-special-").FullName;

    public SpecialFileTests(ClusterFixture cluster)
        : base(cluster)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs named pipes in the file system, and links");
        Shell["folder"] = _folder;
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("Export-CitusToCsv {0} $pipe", "id,note")]
    [InlineData("Export-CitusToCsv {0} $pipe -NoClobber", "id,note")]
    [InlineData("Export-CitusToCsv {0} $link", "id,note")]
    [InlineData("Export-CitusReport $pipe {0}", "<!DOCTYPE html>")]
    [InlineData("Import-CsvToCitus $csv {0} -OnError Skip -RejectPath $pipe", "id,note\nx,bad")]
    public async Task A_pipe_is_written_into_and_stays_a_pipe(string command, string begins)
    {
        string table = Cluster.Distribute("id bigint, note text", "id");
        Cluster.Execute($"INSERT INTO {table} VALUES (7, 'c')");
        string pipe = Pipe("pipe"), link = Path.Combine(_folder, "link");
        File.CreateSymbolicLink(link, pipe);
        (Shell["pipe"], Shell["link"], Shell["csv"]) = (pipe, link, Cluster.File("pipe.csv", Csv));
        Task<string> reader = Task.Run(() => File.ReadAllText(pipe), TestContext.Current.CancellationToken);

        Shell.Run(string.Format(System.Globalization.CultureInfo.InvariantCulture, command, table)).Succeeded();

        string read = await reader.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        Assert.StartsWith(begins, read, StringComparison.Ordinal);
        Assert.Equal("fifo", KindOf(pipe));
        Assert.Equal(["link", "pipe"], Directory.EnumerateFileSystemEntries(_folder).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task A_pipe_is_read_as_a_stream_and_again_from_what_is_kept_of_it()
    {
        string table = Cluster.Distribute("id bigint, note text", "id"), rejects = Path.Combine(_folder, "bad.csv");
        string pipe = Pipe("in.csv");
        (Shell["pipe"], Shell["rejects"]) = (pipe, rejects);

        Task writer = Task.Run(() => File.WriteAllText(pipe, Csv), TestContext.Current.CancellationToken);
        PSObject result = Shell.Run($"Import-CsvToCitus $pipe {table} -OnError Skip -RejectPath $rejects -Culture ''").Single;
        await writer;
        Assert.Equal((2L, 1L), (result.Get("Rows"), result.Get("Rejected")));
        Assert.Equal("id,note\nx,bad\n", await File.ReadAllTextAsync(rejects, TestContext.Current.CancellationToken));

        writer = Task.Run(() => File.WriteAllText(pipe, Csv), TestContext.Current.CancellationToken);
        ErrorRecord refused = Shell.Run($"Import-CsvToCitus -LiteralPath $pipe {table}").Failed("CitusRowRefused");
        await writer;
        Assert.Contains("line 3, column id", refused.Exception.Message, StringComparison.Ordinal);

        writer = Task.Run(() => File.WriteAllText(pipe, Csv), TestContext.Current.CancellationToken);
        Assert.Equal(3L, Shell.Run("Test-CitusCsv $pipe").Single.Get("Rows"));
        await writer;
    }

    [Fact]
    public async Task What_a_shell_substitutes_for_a_process_is_read()
    {
        string table = Cluster.Distribute("id bigint, note text", "id"), csv = Cluster.File("substituted.csv", "id,note\n1,a\n2,b\n");
        (_, _, string error) = await Repository.RunScriptAsync($"""
            $null = Connect-CitusCluster -ConnectionString '{Cluster.ConnectionString}'
            $null = Import-CsvToCitus /dev/fd/9 {table}
            """, ["bash", "-c", $"exec 9< <(cat '{csv}'); exec \"$0\" \"$@\""]);
        Assert.Equal("", error);
        Assert.Equal(["1\ta", "2\tb"], Cluster.Rows(table));
    }

    [Fact]
    public void Stopped_while_a_pipe_has_no_writer_the_prompt_comes_back()
    {
        string table = Cluster.Distribute("id bigint, note text", "id");
        string pipe = Pipe("in.csv");
        Shell["pipe"] = pipe;
        using PowerShell load = Shell.Create($"Import-CsvToCitus $pipe {table}");
        Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
        Thread.Sleep(1000);
        var clock = Stopwatch.StartNew();
        load.Stop();
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 10);
        File.WriteAllText(pipe, ""); // lets the reader's open return
        Assert.ThrowsAny<Exception>(() => running.GetAwaiter().GetResult());
    }

    [Theory]
    [InlineData("itself")]
    [InlineData("spelling")]
    [InlineData("symbolic")]
    [InlineData("hard")]
    [InlineData("errors")]
    [InlineData("other")]
    public void A_file_for_refused_rows_that_is_a_source_is_refused_and_the_source_is_as_it_was(string how)
    {
        string table = Cluster.Distribute("id bigint, note text", "id");
        string source = Path.Combine(_folder, how == "errors" ? "a.errors.csv" : "a.csv"), second = Path.Combine(_folder, "b.csv");
        File.WriteAllText(source, Csv);
        File.WriteAllText(second, Csv);
        string rejects = how switch
        {
            "itself" or "other" => source,
            "spelling" => Path.Combine(_folder, "..", Path.GetFileName(_folder), "a.csv"),
            "errors" => Path.Combine(_folder, "a.csv"), // beside which the reasons would go
            _ => Path.Combine(_folder, "link.csv"),
        };
        if (how == "symbolic") File.CreateSymbolicLink(rejects, source);
        if (how == "hard") Assert.True(Repository.Runs("ln", source, rejects));
        (Shell["sources"], Shell["rejects"]) = (how == "other" ? new[] { second, source } : new[] { source }, rejects);

        RunResult result = Shell.Run($"Import-CsvToCitus $sources {table} -OnError Skip -RejectPath $rejects");

        Assert.All(new[] { source, second }, f => Assert.Equal(Csv, File.ReadAllText(f)));
        Assert.StartsWith("CitusRejectPathIsSource,", result.Errors[0].FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(0L, Cluster.Count(table));
    }

    [Fact]
    public void Refused_rows_of_an_earlier_run_are_not_loaded_with_their_folder()
    {
        string table = Cluster.Distribute("id bigint, note text", "id");
        File.WriteAllText(Path.Combine(_folder, "a.csv"), Csv);
        File.WriteAllText(Path.Combine(_folder, "own.errors.csv"), "id,note\n5,mine\n"); // whose name alone says nothing
        Shell["elsewhere"] = Directory.CreateDirectory(_folder + "-rejects").FullName;
        foreach (string rejects in new[] { "$folder", "$folder/bad.csv" })
        {
            foreach (string path in new[] { "$folder", "$folder/*.csv" })
            {
                Shell.Run($"Import-CsvToCitus $folder/a.csv {table} -OnError Skip -RejectPath {rejects}").Succeeded();
                RunResult second = Shell.Run($"Import-CsvToCitus {path} {table} -Truncate -OnError Skip -RejectPath $elsewhere -Verbose")
                    .Succeeded();
                Assert.Equal(["a.csv", "own.errors.csv"], second.Output.Select(r => Path.GetFileName((string)r.Get("Source")!)));
                Assert.Contains(second.Verbose,
                    v => v.Contains("is left out: it holds refused rows of an earlier run", StringComparison.Ordinal));
                Assert.Equal(["1\ta", "2\tb", "5\tmine"], Cluster.Rows(table));
            }
        }
        // Named by itself, once the rows are fixed, it is loaded.
        File.WriteAllText(Path.Combine(_folder, "bad.csv"), "id,note\n9,good\n");
        Shell.Run($"Import-CsvToCitus $folder/bad.csv {table}").Succeeded();
        Assert.Contains("9\tgood", Cluster.Rows(table));
        Directory.Delete(_folder + "-rejects", recursive: true);
    }

    private string Pipe(string name)
    {
        string path = Path.Combine(_folder, name);
        Assert.True(Repository.Runs("mkfifo", path));
        return path;
    }

    private static string KindOf(string path)
    {
        using Process process = Process.Start(new ProcessStartInfo("stat", ["-c", "%F", path]) { RedirectStandardOutput = true })!;
        return process.StandardOutput.ReadToEnd().Trim();
    }
}
