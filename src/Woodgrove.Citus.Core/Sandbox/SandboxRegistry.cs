using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Files;

namespace Woodgrove.Citus.Sandbox;

/// <summary>
/// The sandboxes of this process, and, in a small file each, those of others: whoever is killed leaves its file,
/// and the next start stops and removes what it names. The files are in a folder of the user's own; even so they only say
/// where to look, and what is stopped or deleted there has to prove itself.
/// </summary>
public static partial class SandboxRegistry
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private static readonly object Gate = new();
    private static readonly List<CitusSandbox> Running = [];
    private static bool _stopsOnExit;

    /// <summary>The sandboxes that this process started, the latest last.</summary>
    public static IReadOnlyList<CitusSandbox> All
    {
        get { lock (Gate) return [.. Running]; }
    }

    /// <summary>
    /// The registry's folder: the user's local application data on Windows, else <c>$XDG_STATE_HOME</c> or
    /// <c>~/.local/state</c>. Null where the user has no home, or may not write there.
    /// </summary>
    /// <exception cref="CitusException">Somebody else could change it.</exception>
    internal static string? OpenFolder()
    {
        string? home = OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : Environment.GetEnvironmentVariable("XDG_STATE_HOME") is { Length: > 0 } state && System.IO.Path.IsPathFullyQualified(state)
            ? state
            : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) is { Length: > 0 } user
            ? System.IO.Path.Combine(user, ".local", "state") : null;
        if (string.IsNullOrEmpty(home)) return null;
        string folder = System.IO.Path.Combine(home, "Woodgrove.Citus", "sandboxes");
        try
        {
            if (OperatingSystem.IsWindows()) return Directory.CreateDirectory(folder).FullName;
            UnixOwner.RequirePrivate(folder);
            Directory.CreateDirectory(folder, Private);
            UnixOwner.RequirePrivate(folder);
            return folder;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <param name="explain">Receives where a sandbox can't be registered.</param>
    internal static void Remember(CitusSandbox sandbox, Action<string> explain)
    {
        lock (Gate)
        {
            if (!_stopsOnExit)
                AppDomain.CurrentDomain.ProcessExit += (_, _) => Task.WhenAll(All.Select(s => s.StopAsync()))
                    .Wait(TimeSpan.FromSeconds(20));
            _stopsOnExit = true;
            Running.Add(sandbox);
        }
        using var me = Process.GetCurrentProcess();
        string entry = JsonSerializer.Serialize(new Entry(sandbox.Path, sandbox.Keep, [.. sandbox.ServerNames], sandbox.Token, me.Id,
            StartOf(me)));
        try
        {
            if (OpenFolder() is not { } folder) throw new IOException("this user has no home folder to write to");
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using var file = new StreamWriter(System.IO.Path.Combine(folder, sandbox.Token + ".json"), options);
            file.Write(entry);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            explain($"If this process is killed, its sandbox stays in {sandbox.Path}, because it could not be registered: {e.Message}");
        }
    }

    internal static void Forget(CitusSandbox sandbox)
    {
        lock (Gate) Running.Remove(sandbox);
        if (OpenFolder() is { } folder) File.Delete(System.IO.Path.Combine(folder, sandbox.Token + ".json"));
    }

    /// <summary>Stops and removes the sandboxes of processes that are gone.</summary>
    internal static async Task RemoveAbandonedAsync(Func<PostgresInstallation> programs, Action<string> explain)
    {
        if (OpenFolder() is not { } folder) return;
        foreach (string file in Directory.EnumerateFiles(folder, "*.json"))
        {
            try
            {
                if (!IsOwnFile(file)) throw new UnauthorizedAccessException("the file is not this user's own");
                if (JsonSerializer.Deserialize<Entry>(await File.ReadAllTextAsync(file)) is not { } entry || IsAlive(entry)) continue;
                await RemoveAsync(entry, programs);
                File.Delete(file);
                explain($"Removed the sandbox {entry.Path}, which an earlier process left behind when it was killed.");
            }
            catch (Exception e) when (e is IOException or JsonException or UnauthorizedAccessException or CitusException)
            {
                explain($"The abandoned sandbox of {file} could not be removed: {e.Message}");
            }
        }
    }

    private static async Task RemoveAsync(Entry entry, Func<PostgresInstallation> programs)
    {
        if (!Directory.Exists(entry.Path)) return;
        if (!SandboxFolder.IsProven(entry.Path, entry.Token) || !Array.TrueForAll(entry.Servers, n => ServerName().IsMatch(n)))
            throw new UnauthorizedAccessException($"'{entry.Path}' is not a sandbox that this user started, "
                + "so nothing in it was stopped or deleted");
        foreach (string name in entry.Servers) await new PostgresServer(programs(), entry.Path, name).StopAsync();
        if (!entry.Keep) await SandboxFolder.DeleteAsync(entry.Path);
    }

    private static bool IsOwnFile(string file) => OperatingSystem.IsWindows()
        || (UnixOwner.Find(file) is { IsRegular: true, IsOpenToOthers: false } state && state.Owner == UnixOwner.Me);

    private static bool IsAlive(Entry entry)
    {
        try
        {
            using var owner = Process.GetProcessById(entry.ProcessId);
            return StartOf(owner) == entry.ProcessStart;
        }
        catch (Exception e) when (e is ArgumentException or FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
    }

    /// <summary>
    /// When a process was started, whatever has been done to the clock since. Linux counts it from the machine's start, and the time of
    /// day that .NET makes of it is another one each time the clock is set, as after a virtual machine was paused.
    /// </summary>
    internal static long StartOf(Process process)
    {
        if (!OperatingSystem.IsLinux()) return new DateTimeOffset(process.StartTime).ToUnixTimeSeconds();
        string stat = File.ReadAllText($"/proc/{process.Id}/stat");
        // The second field is the program's name in parentheses, which may hold any character; the 22nd is the start.
        return long.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[19], CultureInfo.InvariantCulture);
    }

    [GeneratedRegex("^(coordinator|worker[0-9]{1,2})$")]
    private static partial Regex ServerName();

    private sealed record Entry(string Path, bool Keep, string[] Servers, string Token, int ProcessId, long ProcessStart);
}
