using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Schema;

/// <summary>The errors of exported and imported schemas, and what a script says of itself.</summary>
internal static class SchemaErrors
{
    /// <summary>The comment that a script begins with.</summary>
    public static string HowToRun(string source) =>
        $"-- Of {source}. Run it with psql -v ON_ERROR_STOP=1 -f, or Import-CitusSchema,\n"
            + "-- in a database of a cluster that has its nodes. psql runs it in an empty database; Import-CitusSchema leaves\n"
            + "-- what exists as it is. Import-CitusSchema reads the lines that begin with the mark above.";

    /// <param name="path">The program that was named, or null.</param>
    public static CitusException NoPgDump(string? path) => new("CitusPgDumpNotFound", CitusErrorKind.NotInstalled,
        path is null
            ? "pg_dump was not found on PATH, nor where PostgreSQL's packages put it, so the tables' definitions can't be exported."
            : $"'{path}' is not a pg_dump that runs here.",
        "Install PostgreSQL's client programs, name the program with -PgDump, or leave out -IncludeDefinition.") { Target = path };

    public static CitusException PgDumpTooOld(IReadOnlyList<PgDump> found, int server) => new("CitusPgDumpTooOld",
        CitusErrorKind.NotInstalled,
        $"The server is PostgreSQL {server}, and pg_dump refuses servers newer than itself; found: "
            + $"{string.Join(", ", found.Select(d => $"{d.Path} of version {d.Major}"))}.",
        $"Install the client programs of PostgreSQL {server} or later, or name them with -PgDump.") { Target = found[0].Path };

    public static CitusException PgDumpFailed(string path, int exitCode, string complaint) => new("CitusPgDumpFailed",
        CitusErrorKind.InvalidOperation, $"{path} ended with {exitCode}: {complaint.Trim()}",
        "Where it lacks a right: it reads the definitions of all tables, and locks each against changes (ACCESS SHARE).")
        { Target = path };

    public static CitusException NoDefinitionsOfStandIn() => new("CitusNotSupported", CitusErrorKind.NotImplemented,
        "The stand-in for Citus keeps shards as partitions, which pg_dump takes for the tables' own.",
        "Leave out -IncludeDefinition, or connect to a real cluster.");

    /// <param name="title">What a script's first line begins with.</param>
    public static CitusException NotAScript(string name, string title) => new("CitusNotASchemaScript", CitusErrorKind.InvalidData,
        $"'{name}' does not begin with the line '{title}…', by which Import-CitusSchema knows a script of Export-CitusSchema.",
        "Run other scripts with psql -f.") { Target = name };

    public static CitusException NoObject(string name, int line) => new("CitusNotASchemaScript", CitusErrorKind.InvalidData,
        $"'{name}', line {line}, does not say which object follows it.", "Export the schema again, or run the script with psql -f.")
        { Target = name };
}
