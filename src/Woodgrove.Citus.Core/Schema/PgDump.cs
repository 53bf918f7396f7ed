using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sandbox;

namespace Woodgrove.Citus.Schema;

/// <summary>PostgreSQL's own pg_dump, which knows how every object of a database is defined.</summary>
/// <param name="Path">The program.</param>
/// <param name="Major">Its major version.</param>
internal sealed partial record PgDump(string Path, int Major)
{
    /// <summary>The one of the server's version, or else the nearest that is newer: pg_dump refuses servers newer than itself.</summary>
    /// <param name="path">Just this one.</param>
    /// <exception cref="CitusException">There is none, or all are older than the server.</exception>
    public static async Task<PgDump> FindAsync(string? path, int server, CancellationToken stop)
    {
        var found = new List<PgDump>();
        foreach (string program in path is null ? PostgresInstallation.Programs("pg_dump") : [path])
            if (await VersionAsync(program, stop) is { } major) found.Add(new PgDump(program, major));
        if (found.Count == 0) throw SchemaErrors.NoPgDump(path);
        return found.Where(d => d.Major >= server).MinBy(d => d.Major) 
            ?? throw SchemaErrors.PgDumpTooOld(found, server);
    }

    /// <summary>The definitions of a database, without rows, owners, rights, tablespaces, and the module's own schema.</summary>
    /// <param name="session">One to the server to ask.</param>
    public async Task<string> RunAsync(CitusConnection connection, NpgsqlConnection session, CancellationToken stop)
    {
        var start = new ProcessStartInfo(Path, ["--schema-only", "--no-owner", "--no-privileges", "--no-tablespaces",
            "--no-publications", "--no-subscriptions", "--no-security-labels", "--encoding=UTF8", "--no-password",
            $"--exclude-schema={ModuleSchema.Name}"])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true,
            StandardOutputEncoding = Encoding.UTF8,
        };
        foreach ((string name, string? value) in await connection.LibpqEnvironmentAsync("pg_dump", session, stop))
            start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        try
        {
            process.StandardInput.Close();
            Task<string> dump = process.StandardOutput.ReadToEndAsync(stop), complaint = process.StandardError.ReadToEndAsync(stop);
            await process.WaitForExitAsync(stop);
            if (process.ExitCode == 0) return await dump;
            throw SchemaErrors.PgDumpFailed(Path, process.ExitCode, await complaint);
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    private static async Task<int?> VersionAsync(string program, CancellationToken stop)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, "--version") { RedirectStandardOutput = true,
                RedirectStandardError = true })!;
            Match version = Version().Match(await process.StandardOutput.ReadToEndAsync(stop));
            await process.WaitForExitAsync(stop);
            return version.Success ? int.Parse(version.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture) : null;
        }
        catch (Win32Exception)
        {
            return null;
        }
    }

    [GeneratedRegex(@"^pg_dump \(PostgreSQL\) (\d+)")]
    private static partial Regex Version();
}
