using System.Diagnostics;
using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Sandbox;

/// <summary>Start-CitusSandbox, Stop-CitusSandbox, Get-CitusSandbox; on the stand-in, whose start is the quickest.</summary>
public sealed class SandboxTests : ClusterTest
{
    private const string Start = "Start-CitusSandbox -Engine PostgreSql";

    public SandboxTests(ClusterFixture cluster) : base(cluster) => cluster.RequireSandbox();

    [Fact]
    public void The_run_s_sandbox_is_private_to_loopback_and_listed()
    {
        PSObject sandbox = Cluster.Sandbox!;

        Assert.Equal("127.0.0.1", sandbox.Get("Server"));
        Assert.Equal("127.0.0.1", Cluster.Scalar("SHOW listen_addresses"));
        Assert.Equal("scram-sha-256", Cluster.Scalar("SELECT DISTINCT auth_method FROM pg_hba_file_rules WHERE type LIKE 'host%'"));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
                File.GetUnixFileMode((string)sandbox.Get("Path")!));
        Assert.Contains(Shell.Get("Get-CitusSandbox"), s => Equals(s.Get("Name"), sandbox.Get("Name")));
        Assert.Equal(Cluster.IsCitus ? 2 : 0, sandbox.Get("WorkerCount"));
    }

    [Fact]
    public void The_stand_in_announces_itself_unless_it_was_asked_for()
    {
        if (Cluster.IsCitus || ClusterFixture.Engine != "Auto") Assert.Skip("needs a run whose engine Auto chose and that has no Citus");

        Assert.Contains("stand-in", Assert.Single(Cluster.Start!.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Two_at_once_are_apart_and_the_folder_goes_with_its_sandbox()
    {
        string folder = Path.Combine(Path.GetTempPath(), Cluster.NewName("woodgrove-test"));
        Shell["folder"] = folder;
        Shell.Get($"$two = {Start} -Path $folder");
        try
        {
            Shell.Get("Invoke-CitusQuery 'CREATE TABLE only_here (id int)'");

            Assert.Equal(2, Shell.Get("Get-CitusSandbox").Count);
            Assert.Equal(folder, Shell.Run("$two.Path").Single.ToString());
            Assert.Equal(DBNull.Value, Cluster.Scalar("SELECT to_regclass('only_here')::text"));
            Assert.NotEqual(Cluster.Sandbox!.Get("Port"), Shell.Run("$two.Port").Single.BaseObject);
        }
        finally
        {
            Shell.Run("$two | Stop-CitusSandbox").Succeeded();
        }
        Assert.False(Directory.Exists(folder));
        Assert.Single(Shell.Get("Get-CitusSandbox"));
        Assert.Equal(1, Shell.Run("Invoke-CitusQuery 'SELECT 1' -As Scalar").Single.BaseObject);
    }

    [Fact]
    public void Keep_leaves_the_folder()
    {
        string folder = Path.Combine(Path.GetTempPath(), Cluster.NewName("woodgrove-test"));
        Shell["folder"] = folder;
        try
        {
            Shell.Get($"{Start} -Path $folder -Keep | Stop-CitusSandbox");

            Assert.True(File.Exists(Path.Combine(folder, "coordinator", "PG_VERSION")));
            Assert.False(File.Exists(Path.Combine(folder, "coordinator", "postmaster.pid")));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_folder_with_something_in_it_is_refused_and_left_alone()
    {
        string folder = Directory.CreateTempSubdirectory("woodgrove-test-").FullName, file = Path.Combine(folder, "precious.txt");
        File.WriteAllText(file, "mine");
        Shell["folder"] = folder;

        Shell.Run($"{Start} -Path $folder").Failed("CitusSandboxFolderNotEmpty");

        Assert.Equal("mine", File.ReadAllText(file));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void WhatIf_starts_and_stops_nothing()
    {
        Assert.Empty(Shell.Get($"{Start} -WhatIf"));
        Shell.Get("Stop-CitusSandbox -WhatIf");

        Assert.Equal(1, Shell.Run("Invoke-CitusQuery 'SELECT 1' -As Scalar").Single.BaseObject);
    }

    [Fact]
    public async Task No_PostgreSQL_is_an_error_that_names_the_command_to_install_it()
    {
        string dotnet = Path.GetDirectoryName(Repository.OnPath("dotnet"))!;
        (int code, _, string missing) = await Repository.RunScriptAsync(Start, ("WOODGROVE_PG_BIN", Cluster.Folder));

        Assert.Equal(1, code);
        Assert.Contains("CitusPostgresNotFound", missing, StringComparison.Ordinal);
        Assert.Contains("WOODGROVE_PG_BIN", missing, StringComparison.Ordinal);
        if (Directory.Exists("/usr/lib/postgresql") || OperatingSystem.IsWindows() || OperatingSystem.IsMacOS())
            return; // installed where it is always looked for: the machine can't show the other message
        (_, _, string error) = await Repository.RunScriptAsync(Start, ("WOODGROVE_PG_BIN", null), ("PATH", dotnet));
        Assert.Contains("Install", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_process_that_ends_takes_its_sandbox_with_it()
    {
        (int code, string output, string error) = await Repository.RunScriptAsync($"$s = {Start}; $s.Path; $s.ProcessId[0]");

        Assert.True(code == 0, error);
        string[] lines = output.Split('\n', StringSplitOptions.TrimEntries);
        Assert.False(Directory.Exists(lines[0]), $"{lines[0]} is still there");
        Assert.False(IsRunning(int.Parse(lines[1])));
    }

    [Fact]
    public async Task What_a_killed_process_left_behind_is_removed_by_the_next_start()
    {
        using Process owner = Repository.StartScript($"$s = {Start}; $s.Path; $s.ProcessId[0]; [Threading.Thread]::Sleep(60000)");
        string path = (await owner.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30)))!;
        int server = int.Parse((await owner.StandardOutput.ReadLineAsync())!);
        owner.Kill(); // by its own handle, without its children
        await owner.WaitForExitAsync();
        Assert.True(Directory.Exists(path));
        Assert.True(IsRunning(server));

        RunResult run = Shell.Run($"{Start} -Verbose | Stop-CitusSandbox").Succeeded();

        Assert.Contains(run.Verbose, v => v.Contains(path, StringComparison.Ordinal));
        Assert.False(Directory.Exists(path));
        Assert.False(IsRunning(server));
    }

    [Fact]
    public async Task The_web_root_is_served_with_and_without_a_slash_at_its_end_and_nothing_beside_it_is()
    {
        using var client = new HttpClient();
        Cluster.File("served.txt", "here");
        Assert.Equal("here", await client.GetStringAsync($"{Cluster.Sandbox!.Get("WebUri")}served.txt"));
        Assert.Equal(System.Net.HttpStatusCode.NotFound,
            (await client.GetAsync($"{Cluster.Sandbox!.Get("WebUri")}..%2f..%2fetc%2fpasswd")).StatusCode);

        Shell["folder"] = Cluster.Folder + Path.DirectorySeparatorChar;
        PSObject second = Shell.Run($"$web = {Start} -WebRoot $folder; $web").Single;
        try
        {
            Assert.Equal("here", await client.GetStringAsync($"{second.Get("WebUri")}served.txt"));
        }
        finally
        {
            Shell.Get("Stop-CitusSandbox $web");
        }
    }

    private static bool IsRunning(int processId)
    {
        try
        {
            using var process = Process.GetProcessById(processId);
            // Where nobody collects it, a dead process stays listed.
            return !OperatingSystem.IsLinux() || !File.ReadAllText($"/proc/{processId}/stat").Contains(") Z ", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is ArgumentException or IOException)
        {
            return false;
        }
    }
}
