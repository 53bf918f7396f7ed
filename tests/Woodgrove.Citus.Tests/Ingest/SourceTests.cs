using System.Diagnostics;
using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>Folders, several files at once, and standard input.</summary>
public sealed class SourceTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private string FolderOf(params (string Name, string Text)[] files)
    {
        string folder = Directory.CreateTempSubdirectory("woodgrove-sources-").FullName;
        foreach ((string name, string text) in files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, name))!);
            File.WriteAllText(Path.Combine(folder, name), text);
        }
        return folder;
    }

    [Fact]
    public void Folder_stands_for_its_csv_files_and_recurse_for_those_below()
    {
        string table = Cluster.Distribute("id bigint, note text", "id");
        Shell["folder"] = FolderOf(("b.csv", "id,note\n2,b\n"), ("a.csv", "id,note\n1,a\n"), ("c.txt", "nothing"),
            ("below/d.csv", "id,note\n3,d\n"));
        Assert.Equal(["a.csv", "b.csv"],
            Shell.Run($"Import-CsvToCitus $folder {table}").Succeeded().Output.Select(r => Path.GetFileName((string)r.Get("Source")!)));
        Shell.Run($"Import-CsvToCitus $folder {table} -Recurse -Truncate").Succeeded();
        Assert.Equal(["1\ta", "2\tb", "3\td"], Cluster.Rows(table)); // the first file emptied the table
    }

    [Fact]
    public void Several_files_are_loaded_at_once_and_one_that_fails_does_not_stop_the_others()
    {
        string table = Cluster.Distribute("id bigint, note text", "id");
        string rows(int file) => string.Concat(Enumerable.Range(0, 1000).Select(i => $"{file * 1000 + i},f{file}\n"));
        Shell["folder"] = FolderOf([.. Enumerable.Range(0, 6)
            .Select(f => ($"f{f}.csv", "id,note\n" + rows(f) + (f == 3 ? "x,bad\n" : "")))]);

        RunResult result = Shell.Run($"Import-CsvToCitus $folder {table} -ThrottleLimit 3");

        Assert.Equal(5, result.Output.Count);
        Assert.Contains("f3.csv, line 1002", Assert.Single(result.Errors).Exception.Message, StringComparison.Ordinal);
        Assert.Equal(5000L, Cluster.Count(table));
        Assert.Equal(0L, Cluster.Scalar($"SELECT count(*) FROM {table} WHERE note = 'f3'"));
    }

    [Fact]
    public void Each_file_has_its_own_file_of_rejects_in_a_folder()
    {
        string table = Cluster.Distribute("id bigint, note text", "id");
        Shell["folder"] = FolderOf(("a.csv", "id,note\n1,a\nx,a\n"), ("b.csv", "id,note\n2,b\ny,b\n"));
        string rejects = Directory.CreateTempSubdirectory("woodgrove-rejects-").FullName;
        Shell["rejects"] = rejects;
        Shell.Run($"Import-CsvToCitus $folder {table} -OnError Skip -RejectPath $rejects").Succeeded();
        Assert.Equal("id,note\nx,a\n", File.ReadAllText(Path.Combine(rejects, "a.rejects.csv")));
        Assert.Equal("id,note\ny,b\n", File.ReadAllText(Path.Combine(rejects, "b.rejects.csv")));

        Shell["rejects"] = Path.Combine(rejects, "one.csv");
        RunResult one = Shell.Run($"Import-CsvToCitus $folder {table} -OnError Skip -RejectPath $rejects");
        Assert.Contains("CitusRejectPathInUse", Assert.Single(one.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(3L, Cluster.Count(table));
    }

    [Theory]
    [InlineData("1,a\\n2,b\\n", null)]
    [InlineData("1,a\\nx,b\\n", "standard input, line 2, column id")]
    public void Standard_input_is_loaded_and_its_errors_name_the_line(string input, string? error)
    {
        string table = Cluster.Distribute("id bigint, note text", "id");
        string script = Cluster.File("stdin.ps1", $"""
            Import-Module '{Repository.Manifest}'
            Connect-CitusCluster -ConnectionString '{Cluster.ConnectionString}' | Out-Null
            Import-CsvToCitus -StandardInput {table} -NoHeader | Out-Null
            """);
        using Process process = Repository.StartScriptFile(script);
        process.StandardInput.Write(input.Replace("\\n", "\n", StringComparison.Ordinal));
        process.StandardInput.Close();
        string told = process.StandardError.ReadToEnd();
        Assert.True(process.WaitForExit(60_000));
        if (error is null) Assert.Equal(["1\ta", "2\tb"], Cluster.Rows(table));
        else Assert.Contains(error, told, StringComparison.Ordinal);
    }
}
