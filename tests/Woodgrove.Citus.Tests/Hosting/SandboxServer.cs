using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;

namespace Woodgrove.Citus.Tests.Hosting;

/// <summary>A server of a sandbox, found by its own pid file, that a test kills and starts again. For Linux, where Citus runs.</summary>
internal sealed class SandboxServer
{
    private readonly string _folder, _data, _programs;
    private readonly string[] _account;

    public SandboxServer(PSObject sandbox, string name)
    {
        _folder = (string)sandbox.Get("Path")!;
        _data = Path.Combine(_folder, name);
        Port = int.Parse(File.ReadLines(PidFile).ElementAt(3), CultureInfo.InvariantCulture);
        string program = File.ResolveLinkTarget($"/proc/{ProcessId}/exe", false)!.FullName;
        string[] status = File.ReadAllLines($"/proc/{ProcessId}/status");
        string Id(string kind) => status.First(l => l.StartsWith(kind, StringComparison.Ordinal)).Split('\t')[1];
        _programs = Path.GetDirectoryName(program)!;
        _account = Environment.IsPrivilegedProcess
            ? ["setpriv", $"--reuid={Id("Uid:")}", $"--regid={Id("Gid:")}", "--clear-groups", "--"] : [];
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

    public async Task StartAsync() =>
        await Task.Run(() => Run("pg_ctl", "start", "-D", _data, "-l", _data + ".log", "-w", "-s", "-o", $"-p {Port}"),
            TestContext.Current.CancellationToken);

    /// <summary>Takes a base backup of the server, which runs.</summary>
    /// <returns>Its folder.</returns>
    public string BackUp()
    {
        string backup = _data + ".backup";
        Run("pg_basebackup", "-h", "127.0.0.1", "-p", Port.ToString(CultureInfo.InvariantCulture), "-U", "postgres", "-D", backup,
            "-X", "stream", "-c", "fast");
        return backup;
    }

    /// <summary>
    /// Replaces the data of the server, which was killed, by a backup, and starts it on the same port: it is recovered to a restore
    /// point with the write-ahead log that was lost, and promoted there.
    /// </summary>
    public Task RestoreAsync(string backup, string restorePoint)
    {
        string lost = _data + ".lost";
        Directory.Move(_data, lost);
        Directory.Move(backup, _data);
        File.AppendAllText(Path.Combine(_data, "postgresql.auto.conf"), $"""
            restore_command = 'cp "{lost}/pg_wal/%f" "%p"'
            recovery_target_name = '{restorePoint}'
            recovery_target_action = 'promote'

            """);
        File.WriteAllText(Path.Combine(_data, "recovery.signal"), "");
        return StartAsync();
    }

    /// <summary>A path in the sandbox's folder, where the server's account may write.</summary>
    public string Beside(string name) => Path.Combine(_folder, name);

    /// <summary>Runs one of the server's programs, under the server's account, to its end.</summary>
    public void Run(string program, params string[] arguments)
    {
        string[] command = [.. _account, Path.Combine(_programs, program), .. arguments];
        // Servers reach one another by the password file of their home.
        var info = new ProcessStartInfo(command[0], command[1..]) { WorkingDirectory = _folder,
            Environment = { ["HOME"] = _folder, ["PGPASSFILE"] = Path.Combine(_folder, "pgpass") } };
        using Process process = Process.Start(info)!;
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
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
