using System.Diagnostics;
using System.Runtime.Versioning;
using System.Text.Json;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Security;

/// <summary>
/// What other accounts put where sandboxes are registered decides nothing: no program is run and no folder deleted for
/// it.
/// </summary>
[UnsupportedOSPlatform("windows")]
public sealed class SandboxRegistryTests : ClusterTest, IDisposable
{
    private const string Start = "$s = Start-CitusSandbox -Engine PostgreSql -Verbose 4>&1; $s | ForEach-Object { \"$_\" }; "
        + "Stop-CitusSandbox";
    private readonly string _home = Directory.CreateTempSubdirectory("woodgrove-home-").FullName;

    public SandboxRegistryTests(ClusterFixture cluster) : base(cluster)
    {
        cluster.RequireSandbox();
        if (OperatingSystem.IsWindows()) Assert.Skip("Windows has access control lists; the folder is in the user's own profile there");
    }

    public void Dispose() => Directory.Delete(_home, recursive: true);

    private string Registry => Path.Combine(_home, "Woodgrove.Citus", "sandboxes");

    [Fact]
    public async Task What_is_planted_in_the_temporary_folder_is_not_even_read()
    {
        string user = Environment.UserName, planted = Path.Combine(Path.GetTempPath(), $"woodgrove-citus-of-{user}");
        bool wasThere = Directory.Exists(planted);
        (string victim, string program, string ran) = PlantVictim();
        Directory.CreateDirectory(planted);
        string entry = Path.Combine(planted, $"planted-{Guid.NewGuid():N}.json");
        File.WriteAllText(entry, EntryOf(victim, program));
        try
        {
            (int code, _, string error) = await RunAsync(Start);

            AssertUntouched(victim, ran);
            Assert.True(code == 0, error);
        }
        finally
        {
            File.Delete(entry);
            if (!wasThere) Directory.Delete(planted);
        }
    }

    [Theory]
    [InlineData("another's")]
    [InlineData("open")]
    [InlineData("link")]
    public async Task A_registry_that_somebody_else_could_write_is_refused(string fault)
    {
        if (fault == "another's" && !Environment.IsPrivilegedProcess) Assert.Skip("needs root, to give the folder to another account");
        (string victim, string program, string ran) = PlantVictim();
        Directory.CreateDirectory(Path.GetDirectoryName(Registry)!, Mode("700"));
        string folder = fault == "link" ? Path.Combine(_home, "elsewhere") : Registry;
        Directory.CreateDirectory(folder, Mode("700"));
        File.WriteAllText(Path.Combine(folder, "planted.json"), EntryOf(victim, program));
        if (fault == "link") Directory.CreateSymbolicLink(Registry, folder);
        if (fault == "open") File.SetUnixFileMode(folder, Mode("777"));
        if (fault == "another's") Assert.Equal(0, await OwnAsync("nobody", folder));

        (int code, _, string error) = await RunAsync(Start);

        AssertUntouched(victim, ran);
        Assert.Equal(1, code);
        Assert.Contains("CitusUnsafeFolder", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("no mark")]
    [InlineData("another mark")]
    [InlineData("link")]
    [InlineData("no entry of ours")]
    public async Task A_folder_that_is_no_sandbox_of_this_user_is_not_deleted_and_nothing_in_it_is_run(string fault)
    {
        if (fault == "no entry of ours" && !Environment.IsPrivilegedProcess)
            Assert.Skip("needs root, to give the entry to another account");
        (string victim, string program, string ran) = PlantVictim();
        string token = new('a', 32), path = victim;
        if (fault == "another mark") File.WriteAllText(Path.Combine(victim, ".woodgrove-sandbox"), new string('b', 32));
        else if (fault != "no mark") File.WriteAllText(Path.Combine(victim, ".woodgrove-sandbox"), token);
        if (fault == "link") Directory.CreateSymbolicLink(path = Path.Combine(_home, "linked"), victim);
        Directory.CreateDirectory(Registry, Mode("700"));
        string entry = Path.Combine(Registry, "planted.json");
        File.WriteAllText(entry, EntryOf(path, program, token));
        if (fault == "no entry of ours") Assert.Equal(0, await OwnAsync("nobody", entry));

        (int code, string output, string error) = await RunAsync(Start);

        AssertUntouched(victim, ran);
        Assert.True(code == 0, error);
        Assert.Contains($"{entry} could not be removed", output, StringComparison.Ordinal); // it was read
    }

    [Fact]
    public async Task The_registry_is_the_user_s_alone_and_where_there_can_be_none_the_sandbox_runs_all_the_same()
    {
        (int code, string output,
            string error) = await RunAsync(
                $"$null = Start-CitusSandbox -Engine PostgreSql; '{Registry}', (Get-ChildItem '{Registry}').FullName | ForEach-Object {{ \"$([int][System.IO.File]::GetUnixFileMode($_))\" }}".Replace("Get-ChildItem '" + Registry + "'", $"[System.IO.DirectoryInfo]::new('{Registry}').GetFiles()", StringComparison.Ordinal));
        Assert.True(code == 0, error);
        Assert.Equal([(int)Mode("700") + "", (int)Mode("600") + ""], output.Split('\n', StringSplitOptions.TrimEntries));
        Assert.Empty(Directory.GetFiles(Registry)); // it ended

        (code, output, error) = await Repository.RunScriptAsync(Start, ("XDG_STATE_HOME", "/proc/nowhere"));
        Assert.True(code == 0, error);
        Assert.Contains("could not be registered", output, StringComparison.Ordinal);
    }

    private Task<(int ExitCode, string Output, string Error)> RunAsync(string script) =>
        Repository.RunScriptAsync(script, ("XDG_STATE_HOME", _home));

    /// <summary>A folder that must stay, with a program that must not run.</summary>
    private (string Folder, string Programs, string Ran) PlantVictim()
    {
        // The server account can run the program, and leave its trace.
        File.SetUnixFileMode(_home, Mode("755"));
        string victim = Directory.CreateDirectory(Path.Combine(_home, "victim"), Mode("755")).FullName,
            programs = Directory.CreateDirectory(Path.Combine(_home, "programs"), Mode("755")).FullName;
        string traces = Directory.CreateDirectory(Path.Combine(_home, "traces")).FullName, ran = Path.Combine(traces, "ran");
        File.SetUnixFileMode(traces, Mode("777"));
        File.WriteAllText(Path.Combine(victim, "precious.txt"), "mine");
        // A server that seems to run.
        Directory.CreateDirectory(Path.Combine(victim, "coordinator"));
        int server = int.Parse(File.ReadLines(Path.Combine((string)Cluster.Sandbox!.Get("Path")!, "coordinator", "postmaster.pid"))
            .First());
        File.WriteAllText(Path.Combine(victim, "coordinator", "postmaster.pid"), $"{server}\n");
        foreach (string program in new[] { "pg_ctl", "initdb", "postgres" })
        {
            File.WriteAllText(Path.Combine(programs, program), $"#!/bin/sh\ntouch {ran}\n");
            File.SetUnixFileMode(Path.Combine(programs, program), Mode("755"));
        }
        return (victim, programs, ran);
    }

    private static string EntryOf(string folder, string programs, string? token = null) => JsonSerializer.Serialize(new
    {
        Path = folder, Keep = false, Servers = new[] { "coordinator" }, BinDirectory = programs, Token = token ?? "", ProcessId = 4_000_000,
        ProcessStart = 0L,
    });

    private void AssertUntouched(string victim, string ran)
    {
        Assert.Equal("mine", File.ReadAllText(Path.Combine(victim, "precious.txt")));
        Assert.False(File.Exists(ran), "the planted program ran");
        Assert.Equal(1, Cluster.Scalar("SELECT 1")); // the server whose number was planted still runs
    }

    private static async Task<int> OwnAsync(string account, string path)
    {
        using Process change = Process.Start("chown", [account, path]);
        await change.WaitForExitAsync();
        return change.ExitCode;
    }

    private static UnixFileMode Mode(string octal) => (UnixFileMode)Convert.ToInt32(octal, 8);
}
