using System.Diagnostics;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Files;

namespace Woodgrove.Citus.Sandbox;

/// <summary>
/// Runs programs as the account that servers run under: one's own, or an unprivileged one when one is root,
/// as which PostgreSQL refuses to run.
/// </summary>
internal static class ServerAccount
{
    private static readonly Lazy<string[]> Prefix = new(FindPrefix);

    /// <summary>Runs a program to its end.</summary>
    /// <param name="home">The program's home and working directory; it must never read the caller's own .pgpass or certificates.</param>
    /// <exception cref="CitusException">It failed; the message has what it printed.</exception>
    public static async Task RunAsync(string home, string program, IReadOnlyList<string> arguments, string? input = null,
        CancellationToken stop = default)
    {
        string[] command = [.. Prefix.Value, program, .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            WorkingDirectory = Directory.Exists(home) ? home : Path.GetPathRoot(Path.GetFullPath(home)),
        };
        foreach (string variable in start.Environment.Keys.Where(k => k.StartsWith("PG", StringComparison.Ordinal)).ToList())
            start.Environment.Remove(variable);
        start.Environment["HOME"] = home;
        start.Environment["PGPASSFILE"] = Path.Combine(home, "pgpass");
        using Process process = Process.Start(start)!;
        if (input is not null) await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        // A server that pg_ctl leaves behind inherits the pipes, so only the program's own end is waited for.
        var printed = new System.Text.StringBuilder();
        process.OutputDataReceived += (_, e) => { lock (printed) printed.AppendLine(e.Data); };
        process.ErrorDataReceived += (_, e) => { lock (printed) printed.AppendLine(e.Data); };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        while (!process.HasExited) await Task.Delay(10, stop);
        if (process.ExitCode == 0) return;
        await Task.Delay(50, stop);
        string text;
        lock (printed) text = printed.ToString().Trim();
        throw SandboxErrors.ProgramFailed(program, process.ExitCode, text);
    }

    /// <summary>The account's user id; null on Windows.</summary>
    public static uint? UserId { get; } = OperatingSystem.IsWindows() ? null
        : FindAccount() is { } account ? uint.Parse(FieldOf(account, 2), System.Globalization.CultureInfo.InvariantCulture) : UnixOwner.Me;

    /// <summary>Appends to a file by the account's rights: by root's, a link in the account's folder could lead anywhere.</summary>
    public static Task AppendAsync(string path, string text, CancellationToken stop) =>
        Prefix.Value.Length == 0 ? File.AppendAllTextAsync(path, text, stop)
        : RunAsync(Path.GetDirectoryName(path)!, "/bin/sh", ["-c", "cat >> \"$1\"", "sh", path], text, stop);

    /// <summary>Deletes a file by the account's rights.</summary>
    public static Task DeleteAsync(string path, CancellationToken stop)
    {
        if (Prefix.Value.Length > 0) return RunAsync(Path.GetDirectoryName(path)!, "/bin/rm", ["-f", "--", path], stop: stop);
        File.Delete(path);
        return Task.CompletedTask;
    }

    /// <summary>The account that servers run under where this process is root's, or null.</summary>
    private static string? FindAccount()
    {
        if (!Environment.IsPrivilegedProcess || OperatingSystem.IsWindows()) return null;
        string[] accounts = File.ReadAllLines("/etc/passwd").Select(l => l.Split(':')[0]).ToArray();
        return new[] { "postgres", "nobody" }.FirstOrDefault(accounts.Contains);
    }

    private static string[] FindPrefix()
    {
        if (!Environment.IsPrivilegedProcess || OperatingSystem.IsWindows()) return [];
        string account = FindAccount() ?? throw SandboxErrors.NoAccount();
        string[] folders = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
        string? Tool(string name) => folders.Select(f => Path.Combine(f, name)).FirstOrDefault(File.Exists);
        if (Tool("setpriv") is { } setpriv)
            return [setpriv, $"--reuid={account}", $"--regid={FieldOf(account, 3)}", "--clear-groups", "--"];
        if (Tool("runuser") is { } runuser) return [runuser, "-u", account, "--"];
        throw SandboxErrors.NoTool();
    }

    private static string FieldOf(string account, int field) =>
        File.ReadAllLines("/etc/passwd").Select(l => l.Split(':')).First(f => f[0] == account)[field];
}
