using System.Management.Automation;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Import;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Ingest;

/// <summary>Finds the files that -Path names.</summary>
internal static class FileArgument
{
    private static readonly string[] Endings = [".csv", ".csv.gz", ".csv.zst"];

    /// <summary>The files or folders that a path with wildcards stands for.</summary>
    public static IEnumerable<string> Resolve(PSCmdlet cmdlet, string path)
    {
        try
        {
            // Brackets that match nothing are a file object's name, or a pattern that must not pass for a load.
            IReadOnlyCollection<string> found = cmdlet.GetResolvedProviderPathFromPSPath(path, out _);
            if (found.Count > 0)
                return WildcardPattern.ContainsWildcardCharacters(path) && !File.Exists(path) ? WithoutRejects(cmdlet, found) : found;
            return [cmdlet.SessionState.Path.GetUnresolvedProviderPathFromPSPath(path)];
        }
        catch (ItemNotFoundException)
        {
            // The source itself says that there is no such file, in words that help.
            return [cmdlet.SessionState.Path.GetUnresolvedProviderPathFromPSPath(path)];
        }
        catch (Exception e) when (e is System.Management.Automation.DriveNotFoundException or ProviderNotFoundException)
        {
            cmdlet.WriteError(CitusErrorRecord.From(LoadErrors.NoDrive(e), path));
            return [];
        }
    }

    /// <summary>A folder's CSV files in the order of their names; any other path is itself.</summary>
    public static IEnumerable<string> Expand(PSCmdlet cmdlet, string path, bool recurse)
    {
        if (!Directory.Exists(path)) return [path];
        IEnumerable<string> all = Directory.EnumerateFiles(path, "*", recurse ? SearchOption.AllDirectories : SearchOption.TopDirectoryOnly)
            .Where(f => Endings.Any(e => f.EndsWith(e, StringComparison.OrdinalIgnoreCase))).Order(StringComparer.Ordinal);
        string[] files = [.. WithoutRejects(cmdlet, all)];
        // A folder without any is reported as a file that is not there: a load that finds nothing must not look like one that worked.
        return files.Length > 0 ? files : [Path.Combine(path, "*.csv")];
    }

    /// <summary>
    /// Without what earlier runs have written there: refused rows, which stand beside a file of their reasons, and that
    /// file.
    /// </summary>
    private static IEnumerable<string> WithoutRejects(PSCmdlet cmdlet, IEnumerable<string> files)
    {
        foreach (string file in files)
        {
            if (!CsvImport.WroteRejects(file)) yield return file;
            else cmdlet.WriteVerbose($"{file} is left out: it holds refused rows of an earlier run, or their reasons. "
                + "Name it by itself to load it.");
        }
    }

    /// <summary>The name, in a folder of such files, for a source's refused rows.</summary>
    public static string RejectName(CsvSource source)
    {
        string name = Path.GetFileName(source.Name.TrimEnd('/'));
        string? ending = Endings.FirstOrDefault(e => name.EndsWith(e, StringComparison.OrdinalIgnoreCase));
        name = string.Concat((ending is null ? name : name[..^ending.Length]).Split(Path.GetInvalidFileNameChars()));
        return $"{name}.rejects.csv";
    }
}
