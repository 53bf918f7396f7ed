using System.Diagnostics;
using System.Text.Json;

namespace Woodgrove.Citus.Sandbox;

/// <summary>
/// The sandboxes of this process, and, in a small file each, those of others: whoever is killed leaves its file,
/// and the next start stops and removes what it names.
/// </summary>
public static class SandboxRegistry
{
    private static readonly object Gate = new();
    private static readonly List<CitusSandbox> Running = [];
    private static bool _stopsOnExit;

    private static string Folder => System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"woodgrove-citus-of-{Environment.UserName}");

    /// <summary>The sandboxes that this process started, the latest last.</summary>
    public static IReadOnlyList<CitusSandbox> All
    {
        get { lock (Gate) return [.. Running]; }
    }

    internal static void Remember(CitusSandbox sandbox)
    {
        lock (Gate)
        {
            if (!_stopsOnExit) AppDomain.CurrentDomain.ProcessExit += (_, _) => Task.WhenAll(All.Select(s => s.StopAsync())).Wait(TimeSpan.FromSeconds(20));
            _stopsOnExit = true;
            Running.Add(sandbox);
        }
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(Folder);
        else Directory.CreateDirectory(Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using var me = Process.GetCurrentProcess();
        File.WriteAllText(FileOf(sandbox.Name), JsonSerializer.Serialize(new Entry(
            sandbox.Path, sandbox.Keep, [.. sandbox.ServerNames], sandbox.Programs.BinDirectory, me.Id, StartOf(me))));
    }

    internal static void Forget(CitusSandbox sandbox)
    {
        lock (Gate) Running.Remove(sandbox);
        File.Delete(FileOf(sandbox.Name));
    }

    /// <summary>Stops and removes the sandboxes of processes that are gone.</summary>
    internal static async Task RemoveAbandonedAsync(Action<string> explain)
    {
        if (!Directory.Exists(Folder)) return;
        foreach (string file in Directory.EnumerateFiles(Folder, "*.json"))
        {
            try
            {
                if (JsonSerializer.Deserialize<Entry>(await File.ReadAllTextAsync(file)) is not { } entry || IsAlive(entry)) continue;
                var programs = new PostgresInstallation(entry.BinDirectory, HasCitus: false, CountsStatements: false);
                foreach (string name in entry.Servers) await new PostgresServer(programs, entry.Path, name, 0).StopAsync();
                if (!entry.Keep) DeleteFolder(entry.Path);
                File.Delete(file);
                explain($"Removed the sandbox {entry.Path}, which an earlier process left behind when it was killed.");
            }
            catch (Exception e) when (e is IOException or JsonException or UnauthorizedAccessException or Errors.CitusException)
            {
                explain($"The abandoned sandbox of {file} could not be removed: {e.Message}");
            }
        }
    }

    internal static void DeleteFolder(string path)
    {
        // A server on its way out may still write for a moment.
        for (int attempt = 0; Directory.Exists(path); attempt++)
        {
            try
            {
                Directory.Delete(path, recursive: true);
            }
            catch (IOException) when (attempt < 20)
            {
                Thread.Sleep(100);
            }
        }
    }

    private static string FileOf(string name) => System.IO.Path.Combine(Folder, name + ".json");

    private static bool IsAlive(Entry entry)
    {
        try
        {
            using var owner = Process.GetProcessById(entry.ProcessId);
            return StartOf(owner) == entry.ProcessStart;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    /// <summary>To the second: the clock's resolution differs between readings of one process.</summary>
    private static long StartOf(Process process) => new DateTimeOffset(process.StartTime).ToUnixTimeSeconds();

    private sealed record Entry(string Path, bool Keep, string[] Servers, string BinDirectory, int ProcessId, long ProcessStart);
}
