using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;

namespace Woodgrove.Citus.Tests.Hosting;

/// <summary>A server of a sandbox, found by its own pid file, that a test kills and starts again. For Linux, where Citus runs.</summary>
internal sealed class SandboxServer
{
    private readonly string _folder, _data;
    private readonly string[] _start;

    public SandboxServer(PSObject sandbox, string name)
    {
        _folder = (string)sandbox.Get("Path")!;
        _data = Path.Combine(_folder, name);
        Port = int.Parse(File.ReadLines(PidFile).ElementAt(3), CultureInfo.InvariantCulture);
        string program = File.ResolveLinkTarget($"/proc/{ProcessId}/exe", false)!.FullName;
        string[] status = File.ReadAllLines($"/proc/{ProcessId}/status");
        string Id(string kind) => status.First(l => l.StartsWith(kind, StringComparison.Ordinal)).Split('\t')[1];
        string[] account = Environment.IsPrivilegedProcess ? ["setpriv", $"--reuid={Id("Uid:")}", $"--regid={Id("Gid:")}", "--clear-groups", "--"] : [];
        _start = [.. account, Path.Combine(Path.GetDirectoryName(program)!, "pg_ctl"), "start", "-D", _data, "-l", _data + ".log", "-w", "-s", "-o", $"-p {Port}"];
    }

    public int Port { get; }

    private string PidFile => Path.Combine(_data, "postmaster.pid");
    private int ProcessId => int.Parse(File.ReadLines(PidFile).First(), CultureInfo.InvariantCulture);

    /// <summary>Ends the server's processes at once, as a machine does that loses its power.</summary>
    public void Kill()
    {
        int server = ProcessId;
        string[] children = File.ReadAllText($"/proc/{server}/task/{server}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        // The first of them first: it must not notice that the others go.
        foreach (int id in children.Select(int.Parse).Prepend(server)) Kill(id);
        File.Delete(PidFile);
    }

    public async Task StartAsync()
    {
        // Servers reach one another by the password file of their home.
        var info = new ProcessStartInfo(_start[0], _start[1..]) { WorkingDirectory = _folder, Environment = { ["HOME"] = _folder, ["PGPASSFILE"] = Path.Combine(_folder, "pgpass") } };
        using Process start = Process.Start(info)!;
        await start.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, start.ExitCode);
    }

    private static void Kill(int id)
    {
        try
        {
            using var process = Process.GetProcessById(id);
            process.Kill();
            while (!process.HasExited && !File.ReadAllText($"/proc/{id}/stat").Contains(") Z ", StringComparison.Ordinal)) Thread.Sleep(5);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or Win32Exception or IOException)
        {
            // It has ended by itself.
        }
    }
}
