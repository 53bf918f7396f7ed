
namespace Woodgrove.Citus.Connections;

/// <summary>libpq's connection service file: sections of <c>key=value</c> lines, named by <c>PGSERVICE</c>.</summary>
public static class ServiceFile
{
    private static readonly Dictionary<string, string> None = [];

    /// <summary>The settings of a service, or none where no service is asked for.</summary>
    public static IReadOnlyDictionary<string, string> Read(string? service)
    {
        if (string.IsNullOrEmpty(service)) return None;
        foreach (string path in Paths().Where(File.Exists))
        {
            if (ReadSection(path, service) is { } found) return found;
        }
        throw ConnectionErrors.NoService(service, Paths());
    }

    /// <summary>The services that the files define.</summary>
    public static IReadOnlyList<string> Names() => [.. Paths().Where(File.Exists).SelectMany(File.ReadLines).Select(l => l.Trim())
        .Where(l => l.StartsWith('[') && l.EndsWith(']')).Select(l => l[1..^1]).Distinct()];

    private static IEnumerable<string> Paths()
    {
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        yield return Environment.GetEnvironmentVariable("PGSERVICEFILE")
            ?? (OperatingSystem.IsWindows()
                ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData), "postgresql", ".pg_service.conf")
                : Path.Combine(home, ".pg_service.conf"));
        if (Environment.GetEnvironmentVariable("PGSYSCONFDIR") is { Length: > 0 } folder)
            yield return Path.Combine(folder, "pg_service.conf");
    }

    private static Dictionary<string, string>? ReadSection(string path, string service)
    {
        Dictionary<string, string>? section = null;
        foreach (string line in File.ReadLines(path).Select(l => l.Trim()).Where(l => l.Length > 0 && l[0] != '#'))
        {
            if (line[0] == '[')
            {
                if (section is not null) break;
                if (line == $"[{service}]") section = new(StringComparer.OrdinalIgnoreCase);
            }
            else if (section is not null && line.Split('=', 2) is [var key, var value])
            {
                section[key.Trim()] = value.Trim();
            }
        }
        return section;
    }
}
