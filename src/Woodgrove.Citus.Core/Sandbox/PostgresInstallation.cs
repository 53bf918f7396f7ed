using System.Diagnostics;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Sandbox;

/// <summary>PostgreSQL's server programs on this machine.</summary>
/// <param name="BinDirectory">Where initdb, pg_ctl and postgres lie.</param>
/// <param name="HasCitus">True where this installation has the extension.</param>
/// <param name="CountsStatements">True where it has pg_stat_statements, which some distributions package apart.</param>
internal sealed record PostgresInstallation(string BinDirectory, bool HasCitus, bool CountsStatements)
{
    private static readonly string Suffix = OperatingSystem.IsWindows() ? ".exe" : "";

    public string Program(string name) => Path.Combine(BinDirectory, name + Suffix);

    /// <summary>The best installation: one with Citus before one without, an earlier place before a later one.</summary>
    /// <exception cref="CitusException">There is none.</exception>
    public static PostgresInstallation Find()
    {
        if (Environment.GetEnvironmentVariable("WOODGROVE_PG_BIN") is { Length: > 0 } chosen)
        {
            return At(chosen) ?? throw SandboxErrors.NoProgramsIn(chosen);
        }
        List<PostgresInstallation> found = Candidates().Distinct().Select(At).OfType<PostgresInstallation>().ToList();
        return found.Find(i => i.HasCitus) ?? found.FirstOrDefault() ?? throw SandboxErrors.NoPrograms(InstallCommand());
    }

    /// <summary>Where a program of PostgreSQL's is on this machine, the folder of <c>WOODGROVE_PG_BIN</c> first.</summary>
    public static IEnumerable<string> Programs(string name) =>
        (Environment.GetEnvironmentVariable("WOODGROVE_PG_BIN") is { Length: > 0 } chosen ? Candidates().Prepend(chosen) : Candidates())
            .Distinct().Select(folder => Path.Combine(folder, name + Suffix)).Where(File.Exists);

    private static PostgresInstallation? At(string directory)
    {
        if (!new[] { "initdb", "pg_ctl", "postgres" }.All(p => File.Exists(Path.Combine(directory, p + Suffix)))) return null;
        string? share = Ask(Path.Combine(directory, "pg_config" + Suffix), "--sharedir");
        // Debian keeps pg_config apart, and libraries beside the programs as most do.
        string libraries = Ask(Path.Combine(directory, "pg_config" + Suffix), "--pkglibdir") ?? Path.Combine(directory, "..", "lib");
        return new PostgresInstallation(directory, share is not null && File.Exists(Path.Combine(share, "extension", "citus.control")),
            Directory.Exists(libraries) && Directory.EnumerateFiles(libraries, "pg_stat_statements.*").Any());
    }

    private static IEnumerable<string> Candidates()
    {
        foreach (string folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator,
            StringSplitOptions.RemoveEmptyEntries))
            yield return folder;
        if (Ask("pg_config", "--bindir") is { } bin) yield return bin;
        string[] roots = OperatingSystem.IsWindows()
            ? [Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ProgramFiles), "PostgreSQL")]
            : ["/usr/lib/postgresql", "/usr/pgsql", "/opt/homebrew/opt", "/usr/local/opt"];
        foreach (string root in roots.Where(Directory.Exists))
        {
            // The newest version first: 17 before 9.
            foreach (string version in Directory.EnumerateDirectories(root).OrderByDescending(VersionOf))
                yield return Path.Combine(version, "bin");
        }
    }

    private static int VersionOf(string folder) =>
        int.TryParse(new string(Path.GetFileName(folder).Where(char.IsAsciiDigit).ToArray()), out int version) ? version : 0;

    private static string? Ask(string program, string question)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, question) { RedirectStandardOutput = true,
                RedirectStandardError = true })!;
            string answer = process.StandardOutput.ReadToEnd().Trim();
            process.WaitForExit();
            return process.ExitCode == 0 && answer.Length > 0 ? answer : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    private static string InstallCommand()
    {
        if (OperatingSystem.IsWindows()) return "winget install PostgreSQL.PostgreSQL.17";
        if (OperatingSystem.IsMacOS()) return "brew install postgresql@17";
        if (File.Exists("/etc/debian_version")) return "apt-get install postgresql";
        if (File.Exists("/etc/redhat-release")) return "dnf install postgresql-server";
        if (File.Exists("/etc/alpine-release")) return "apk add postgresql";
        return "your system's package of the PostgreSQL server";
    }
}
