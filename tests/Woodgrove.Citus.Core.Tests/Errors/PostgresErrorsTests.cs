using System.Net.Sockets;
using Npgsql;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Core.Tests.Errors;

public sealed class PostgresErrorsTests
{
    [Theory]
    [InlineData("28P01", "CitusAuthenticationFailed", CitusErrorKind.AuthenticationError)]
    [InlineData("3D000", "CitusDatabaseNotFound", CitusErrorKind.ObjectNotFound)]
    [InlineData("42501", "CitusPermissionDenied", CitusErrorKind.PermissionDenied)]
    [InlineData("42P01", "CitusTableNotFound", CitusErrorKind.ObjectNotFound)]
    [InlineData("42703", "CitusColumnNotFound", CitusErrorKind.ObjectNotFound)]
    [InlineData("42P07", "CitusAlreadyExists", CitusErrorKind.ResourceExists)]
    [InlineData("42601", "CitusSyntaxError", CitusErrorKind.SyntaxError)]
    [InlineData("57014", "CitusQueryCancelled", CitusErrorKind.OperationStopped)]
    [InlineData("57P01", "CitusConnectionLost", CitusErrorKind.ConnectionError)]
    [InlineData("08006", "CitusConnectionLost", CitusErrorKind.ConnectionError)]
    [InlineData("53300", "CitusTooManyConnections", CitusErrorKind.LimitsExceeded)]
    [InlineData("0A000", "CitusNotSupported", CitusErrorKind.NotImplemented)]
    [InlineData("55P03", "CitusLockTimeout", CitusErrorKind.ResourceUnavailable)]
    [InlineData("40P01", "CitusTransactionConflict", CitusErrorKind.ResourceUnavailable)]
    [InlineData("22P02", "CitusInvalidValue", CitusErrorKind.InvalidData)]
    [InlineData("23505", "CitusConstraintViolation", CitusErrorKind.InvalidData)]
    [InlineData("XX000", "CitusServerError", CitusErrorKind.InvalidOperation)]
    public void The_SQLSTATE_decides_and_never_the_text(string state, string errorId, CitusErrorKind kind)
    {
        CitusException told = PostgresErrors.Describe(new PostgresException("es ist etwas passiert", "FEHLER", "ERROR", state), "t");

        Assert.Equal((errorId, kind, state), (told.ErrorId, told.Kind, told.SqlState));
        Assert.Equal("t", told.Target);
        Assert.Contains($"(SQLSTATE {state})", told.Message, StringComparison.Ordinal);
        Assert.Contains("es ist etwas passiert.", told.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Detail_and_hint_of_the_server_are_kept()
    {
        string text = PostgresErrors.Text(new PostgresException("no.", "ERROR", "ERROR", "23505", detail: "Key (a)=(1).", hint: "Try 2."));

        Assert.Equal("no. Key (a)=(1). Hint: Try 2. (SQLSTATE 23505)", text);
    }

    [Fact]
    public void A_broken_socket_is_a_lost_connection_and_a_slow_server_a_timeout()
    {
        Assert.Equal("CitusConnectionLost",
            PostgresErrors.Describe(new NpgsqlException("x", new IOException("y", new SocketException(104)))).ErrorId);
        Assert.Equal("CitusTimeout", PostgresErrors.Describe(new NpgsqlException("x", new TimeoutException())).ErrorId);
        Assert.Equal("CitusUnexpected", PostgresErrors.Describe(new InvalidOperationException("x")).ErrorId);
    }

    /// <summary>XX000 is a lost node, a row that a worker refuses, or an input function that has no code of its own.</summary>
    [Theory]
    [InlineData(null, null, true)]
    [InlineData(null, "COPY events, line 5", true)]
    [InlineData(null, "COPY events, line 5: \"1,2, b 3\"", true)]
    [InlineData(null, "COPY events, line 5, column details: \"a\"", false)]
    [InlineData(null, "COPY events, Zeile 5, Spalte details: »a«", false)]
    [InlineData("Key (id)=(1) already exists.", null, false)]
    public void An_internal_error_may_pass_unless_it_is_of_a_row(string? detail, string? where, bool mayPass) => Assert.Equal(mayPass,
        PostgresErrors.IsTransient(new PostgresException("it failed", "ERROR", "ERROR", "XX000", detail: detail, where: where)));

    [Fact]
    public void What_is_known_already_stays_as_it_is()
    {
        var known = new CitusException("CitusX", CitusErrorKind.InvalidData, "What.", "Do.");

        Assert.Same(known, PostgresErrors.Describe(known));
        Assert.Equal("What. Do.", known.Message);
    }
}
