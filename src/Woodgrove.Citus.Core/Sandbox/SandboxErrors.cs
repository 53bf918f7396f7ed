using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Sandbox;

/// <summary>Errors of starting a cluster on this machine.</summary>
internal static class SandboxErrors
{
    public static CitusException ProgramFailed(string program, int exitCode, string text) =>
        new("CitusServerProgramFailed", CitusErrorKind.ResourceUnavailable,
            $"{Path.GetFileName(program)} failed with exit code {exitCode}: {text}",
            "Read the log in the sandbox's folder, if it got that far.") { Target = program };

    public static CitusException NoAccount() =>
        new("CitusNoServerAccount", CitusErrorKind.NotInstalled,
            "PostgreSQL refuses to run as root, and this machine has no account 'postgres' or 'nobody' for it.",
            "Run as an ordinary user, or create the account: useradd -r postgres.");

    public static CitusException NoTool() =>
        new("CitusNoServerAccount", CitusErrorKind.NotInstalled,
            "PostgreSQL refuses to run as root, and neither setpriv nor runuser is there to run it as another account.",
            "Run as an ordinary user, or install util-linux.");

    public static CitusException NotStarted(string server, string log, Exception cause) =>
        new("CitusSandboxFailed", CitusErrorKind.ResourceUnavailable,
            $"The server '{server}' did not start: {cause.Message} {log}", null, cause);

    public static CitusException NoProgramsIn(string folder) =>
        new("CitusPostgresNotFound", CitusErrorKind.NotInstalled,
            $"$env:WOODGROVE_PG_BIN is '{folder}', which has no initdb, pg_ctl and postgres.",
            "Point it at the folder that holds them, or unset it.");

    public static CitusException NoPrograms(string install) =>
        new("CitusPostgresNotFound", CitusErrorKind.NotInstalled,
            "No PostgreSQL server programs (initdb, pg_ctl, postgres) were found on this machine.",
            $"Install them with: {install}; or set $env:WOODGROVE_PG_BIN to the folder that has them.");

    public static CitusException NoCitus(PostgresInstallation programs) =>
        new("CitusExtensionMissing", CitusErrorKind.NotInstalled,
            $"The PostgreSQL in {programs.BinDirectory} has no Citus.",
            "Install Citus into it, set $env:WOODGROVE_PG_BIN to one that has it, or use -Engine PostgreSql.");

    public static CitusException FolderNotEmpty(string path) =>
        new("CitusSandboxFolderNotEmpty", CitusErrorKind.ResourceExists, $"The folder '{path}' is not empty.",
            "Name a new or an empty folder with -Path, or leave -Path out.") { Target = path };
}
