using System.Diagnostics;
using Woodgrove.Citus.Errors;

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
    public static async Task RunAsync(string home, string program, IReadOnlyList<string> arguments, string? input = null, CancellationToken stop = default)
    {
        string[] command = [.. Prefix.Value, program, .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            WorkingDirectory = Directory.Exists(home) ? home : Path.GetTempPath(),
        };
        foreach (string variable in start.Environment.Keys.Where(k => k.StartsWith("PG", StringComparison.Ordinal)).ToList()) start.Environment.Remove(variable);
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
        throw new CitusException("CitusServerProgramFailed", CitusErrorKind.ResourceUnavailable,
            $"{Path.GetFileName(program)} failed with exit code {process.ExitCode}: {text}", "Read the log in the sandbox's folder, if it got that far.") { Target = program };
    }

    private static string[] FindPrefix()
    {
        if (!Environment.IsPrivilegedProcess || OperatingSystem.IsWindows()) return [];
        string[] accounts = File.ReadAllLines("/etc/passwd").Select(l => l.Split(':')[0]).ToArray();
        string account = new[] { "postgres", "nobody" }.FirstOrDefault(accounts.Contains)
            ?? throw new CitusException("CitusNoServerAccount", CitusErrorKind.NotInstalled,
                "PostgreSQL refuses to run as root, and this machine has no account 'postgres' or 'nobody' for it.", "Run as an ordinary user, or create the account: useradd -r postgres.");
        string[] folders = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
        string? Tool(string name) => folders.Select(f => Path.Combine(f, name)).FirstOrDefault(File.Exists);
        if (Tool("setpriv") is { } setpriv) return [setpriv, $"--reuid={account}", $"--regid={GroupOf(account)}", "--clear-groups", "--"];
        if (Tool("runuser") is { } runuser) return [runuser, "-u", account, "--"];
        throw new CitusException("CitusNoServerAccount", CitusErrorKind.NotInstalled,
            "PostgreSQL refuses to run as root, and neither setpriv nor runuser is there to run it as another account.", "Run as an ordinary user, or install util-linux.");
    }

    private static string GroupOf(string account) => File.ReadAllLines("/etc/passwd").Select(l => l.Split(':')).First(f => f[0] == account)[3];
}
